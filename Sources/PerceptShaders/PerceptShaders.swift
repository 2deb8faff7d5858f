// PerceptShaders
