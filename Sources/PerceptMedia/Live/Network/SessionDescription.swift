import CPerceptMedia

/// A file that says what a sender's RTP packets hold and at which port they arrive (SDP, RFC 8866).
///
/// Only a file that is named so is taken for one: no other file makes ports listen.
final class SessionDescription: ContainerInput {
    private let file: ByteSource
    private let waiting: NetworkWait
    let protocols = "rtp,srtp,udp"

    static func isName(_ name: String) -> Bool { name.lowercased().hasSuffix(".sdp") }

    init(path: String, _ interruption: Interruption) throws(MediaError.Fault) {
        file = try ByteSource(path: path)
        waiting = NetworkWait(interruption)
    }

    func attach(to context: UnsafeMutablePointer<AVFormatContext>) -> String? {
        waiting.attach(to: context)
        return file.attach(to: context)
    }

    func noteProgress() {
        file.noteProgress()
        waiting.noteProgress()
    }

    func noteHeader() {}

    func fault(_ code: Int32, _ activity: String) -> MediaError.Fault { waiting.fault(code, activity) }

    func misfit(_ fault: MediaError.Fault) -> MediaError.Fault { waiting.misfit(fault) }
}
