import ArgumentParser
import Percept
import PerceptCommandKit

/// Inputs that could not be read: each is reported at once, none stops the others, and the exit code tells at the end.
struct InputFaults {
    private var codes: [PerceptError.Code] = []

    mutating func report(_ error: PerceptError) {
        Console.shared.error(error.message)
        codes.append(error.code)
    }

    /// True for faults of one input, which others may not share.
    static func concerns(input error: PerceptError) -> Bool { error.code == .badData || error.code == .missingInput }

    /// - Throws: the exit code when an input was lost: 66 where all of these are missing, else 65.
    func finish() throws {
        guard !codes.isEmpty else { return }
        let code: PerceptError.Code = codes.allSatisfy { $0 == .missingInput } ? .missingInput : .badData
        throw ExitCode(code.rawValue)
    }
}
