import CPerceptMedia
import Foundation

/// An address that FFmpeg's own protocols reach.
///
/// Each kind of address opens no protocols but those it is made of: no playlist or redirection leads to a local file.
final class NetworkInput: ContainerInput {
    /// The kinds of address, and for each the protocols that FFmpeg may open for it. What starts with `http` may redirect
    /// and may be a playlist of further such addresses, encrypted ones included; RTSP carries pictures in RTP over UDP,
    /// TCP or, through firewalls, HTTP.
    private static let protocolsByScheme = [
        "http": "http,https,httpproxy,tcp,tls,crypto", "https": "http,https,httpproxy,tcp,tls,crypto",
        "rtsp": "rtp,srtp,udp,tcp,tls,http,https", "rtsps": "rtp,srtp,udp,tcp,tls,http,https", "rtp": "rtp,srtp,udp",
        "udp": "udp", "tcp": "tcp",
    ]

    /// The scheme of an address; nil for what is none.
    static func scheme(_ name: String) -> String? {
        guard let end = name.range(of: "://")?.lowerBound else { return nil }
        let scheme = name[..<end]
        guard scheme.first?.isLetter == true, scheme.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else { return nil }
        return scheme.lowercased()
    }

    /// An address without its user's password.
    static func withoutPassword(_ address: String) -> String {
        guard let start = address.range(of: "://")?.upperBound else { return address }
        let host = address[start...].prefix { $0 != "/" && $0 != "?" }
        guard let at = host.lastIndex(of: "@"), let colon = host[..<at].firstIndex(of: ":") else { return address }
        return address[...colon] + "***" + address[at...]
    }

    private let address: String
    private let interruption: Interruption
    let protocols: String

    init(_ address: String, scheme: String, _ interruption: Interruption) throws(MediaError.Fault) {
        guard let protocols = Self.protocolsByScheme[scheme] else {
            let known = Self.protocolsByScheme.keys.sorted().joined(separator: ", ")
            throw .invalidName("addresses of the kind \(scheme):// are not opened, but \(known)")
        }
        self.address = address
        self.interruption = interruption
        self.protocols = protocols
    }

    func attach(to context: UnsafeMutablePointer<AVFormatContext>) -> String? {
        context.pointee.interrupt_callback = interruption.callback
        // What is known of a stream after two seconds must do: pictures that come meanwhile are old when shown.
        context.pointee.max_analyze_duration = 2_000_000
        return address
    }

    var options: [String: String] {
        // Over TCP no part of a picture is lost; servers that lack it are asked for UDP.
        ["rtsp_flags": "prefer_tcp"]
    }

    func noteProgress() { interruption.noteProgress() }

    func fault(_ code: Int32, _ activity: String) -> MediaError.Fault {
        // A source that is to stop does not ask; else only the end of its patience interrupts FFmpeg. (The clock may have
        // been restarted since, by what had come in before the silence.)
        if code == percept_averror_exit() {
            return .unreachable("nothing came for \(interruption.patience.inSeconds) s")
        }
        return .unreachable(MediaError.Fault.detail(code, activity))
    }
}
