// PerceptRuntime
