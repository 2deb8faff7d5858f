// PerceptVulkan
