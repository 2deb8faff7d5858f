import PerceptVulkan
import TestSupport
import Testing

/// That a silent or absent layer does not pass for a clean run.
@Suite("Validation in tests")
struct ValidationTests {
    @Test("a message fails the test it arrives in")
    func message() throws {
        let log = TestGPU.Messages()
        #expect(throws: TestGPU.Failure.self) {
            try log.expectingNone {
                log.append(ValidationMessage(severity: .error, identifier: "SYNC-HAZARD", text: "planted"))
            }
        }
        #expect(try log.expectingNone { 1 } == 1)
    }

    @Test("required layers that are missing fail")
    func required() throws {
        #expect(throws: TestGPU.Failure.self) { try TestGPU.validation(request: "required", canValidate: false) }
        #expect(try TestGPU.validation(request: "required", canValidate: true))
        #expect(try TestGPU.validation(request: "1", canValidate: true))
        #expect(try !TestGPU.validation(request: "1", canValidate: false))
        #expect(try !TestGPU.validation(request: nil, canValidate: true))
    }
}
