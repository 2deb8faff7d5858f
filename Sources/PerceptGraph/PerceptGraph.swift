// PerceptGraph
