// PerceptModels
