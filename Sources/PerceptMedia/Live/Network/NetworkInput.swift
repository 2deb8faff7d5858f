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
        "rtsp": "rtp,srtp,udp,tcp,http", "rtsps": "rtp,srtp,udp,tcp,tls", "rtp": "rtp,srtp,udp",
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

    /// The host's name in an address.
    private static func host(_ address: String) -> String {
        guard let start = address.range(of: "://")?.upperBound else { return address }
        let authority = address[start...].prefix { !"/?#".contains($0) }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        // The colons of an address of IPv6 are in brackets.
        if host.first == "[", let end = host.firstIndex(of: "]") { return String(host[...end]) }
        return String(host.prefix { $0 != ":" })
    }

    private let address: String
    private let waiting: NetworkWait
    private let trust: TrustedAuthorities?
    let protocols: String

    /// - Parameter checksCertificates: whether what is encrypted must also come from whom it says.
    init(
        _ address: String, scheme: String, _ interruption: Interruption, checksCertificates: Bool
    ) throws(MediaError.Fault) {
        guard let protocols = Self.protocolsByScheme[scheme] else {
            let known = Self.protocolsByScheme.keys.sorted().joined(separator: ", ")
            throw .invalidName("addresses of the kind \(scheme):// are not opened, but \(known)")
        }
        // FFmpeg would take a piece of the password for the host, and ask the network for it.
        guard !SourceAddress.hasUnencodedPassword(address) else { throw .invalidName(SourceAddress.advice) }
        // FFmpeg gives the connection of RTSP none of the options that would have the certificate checked.
        guard scheme != "rtsps" || !checksCertificates else {
            throw .untrusted(
                host: Self.host(address),
                reason: "FFmpeg checks none for rtsps://, which is opened unchecked only (--insecure)")
        }
        self.address = address
        waiting = NetworkWait(interruption)
        trust = checksCertificates && protocols.contains("tls") ? try TrustedAuthorities() : nil
        self.protocols = protocols
    }

    func attach(to context: UnsafeMutablePointer<AVFormatContext>) -> String? {
        waiting.attach(to: context)
        trust?.attach(to: context)
        return address
    }

    var options: [String: String] {
        // Over TCP no part of a picture is lost; servers that lack it are asked for UDP.
        var options = ["rtsp_flags": "prefer_tcp"]
        // A playlist's connection that is opened again for the next part would not be checked.
        if trust != nil { options["http_persistent"] = "0" }
        return options
    }

    func noteProgress() { waiting.noteProgress() }

    /// Opening has one limit of time from the first byte to the first picture.
    func noteHeader() {}

    func fault(_ code: Int32, _ activity: String) -> MediaError.Fault {
        let fault = waiting.fault(code, activity)
        guard case .unreachable(let reason) = fault else { return fault }
        return refusal(reason) ?? .unreachable(shown(reason))
    }

    func misfit(_ fault: MediaError.Fault) -> MediaError.Fault {
        let fault = waiting.misfit(fault)
        // A playlist whose parts are refused.
        guard case .unreachable(let reason) = fault else { return fault }
        return refusal(reason) ?? .unreachable(shown(reason))
    }

    /// What FFmpeg logged, without the password and what FFmpeg may have taken a piece of it for.
    private func shown(_ reason: String) -> String {
        guard SourceAddress.isAmbiguous(address) else { return reason }
        let fragments = SourceAddress.fragments(address)
        return fragments.reduce(reason) { $0.replacing($1, with: "***") } + "; " + SourceAddress.advice
    }

    private func refusal(_ logged: String) -> MediaError.Fault? {
        guard let trust, let reason = trust.refusal(logged) else { return nil }
        return .untrusted(host: Self.host(trust.refusedAddress ?? address), reason: SourceAddress.shown(in: reason))
    }
}
