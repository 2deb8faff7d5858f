// PerceptSPIRV
