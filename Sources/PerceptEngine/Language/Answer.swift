import PerceptGraph
package import PerceptRuntime

/// An answer in the making, as `Answers` knows it: its prompt, and the tokens drawn so far.
///
/// Belongs to the device's thread.
package final class Answer {
    package let prompt: PromptEncoder.Prompt
    package let settings: SamplingSettings
    /// Whether logits come with tokens.
    package let keepsLogits: Bool
    /// Most tokens.
    package let limit: Int

    /// Tokens that have been handed out.
    private var tokens: [UInt32] = []
    /// What has come and was not handed out.
    private var received: [Drawn] = []
    private var waiter: UnsafeContinuation<Void, Never>?
    private var fault: (any Error)?
    /// Whether it has to join again before it goes on.
    package private(set) var wasSentBack = false

    /// A token as it was drawn.
    package struct Drawn {
        package let token: UInt32
        package let logits: [Float]?
    }

    // What `Answers` keeps of it.

    var pages: [Int] = []
    /// Positions of the prompt that were there when it last joined.
    var reused = 0
    var slot: Int?
    /// Rises with those that join.
    var number = 0
    /// Tokens drawn or on their way.
    var submitted = 0
    /// Steps on their way that have a row of it.
    var flights = 0
    var hasLeft = false

    // What it has taken.

    /// Chunks of pictures and videos that were seen for it.
    package internal(set) var encodedChunks = 0
    /// Positions of the prompt that were there when it first joined.
    package private(set) var firstReused: Int?
    package internal(set) var times = Times()
    package internal(set) var use = DeviceUse()

    package struct Times {
        /// Until it was taken in.
        package internal(set) var queue = Duration.zero
        package internal(set) var vision = Duration.zero
        package internal(set) var prompt = Duration.zero
    }

    /// - Parameter limit: most tokens, at least 1; there is room for them behind the prompt.
    package init(_ prompt: PromptEncoder.Prompt, _ settings: SamplingSettings, keepsLogits: Bool, limit: Int) {
        self.prompt = prompt
        self.settings = settings
        self.keepsLogits = keepsLogits
        self.limit = limit
    }

    /// What positions hold, or are to: the prompt, and what was said since.
    private(set) lazy var keys = prompt.keys
    /// What positions hold whose keys and values are there: all but the token at hand.
    var computedKeys: [PositionKey] { submitted == 0 ? [] : Array(keys.dropLast(tokens.isEmpty ? 0 : 1)) }
    /// Where the next step puts the token at hand.
    var nextPosition: Int { prompt.ids.count + submitted - 1 }
    var wantsToken: Bool { submitted > 0 && submitted < limit && !hasLeft }

    /// Ids from a position on, chunks of media being where `places` says.
    func ids(from position: Int, places: [Int: Int]) -> [UInt32] {
        let asked = position < prompt.ids.count ? prompt.ids(from: position, places: places) : []
        return asked + tokens.dropFirst(max(position - prompt.ids.count, 0))
    }

    /// It has joined, and drawn a token.
    func begin(_ token: UInt32, _ logits: [Float]?) {
        if firstReused == nil { firstReused = reused }
        (wasSentBack, hasLeft) = (false, false)
        submitted = tokens.count + 1
        receive(token, logits)
    }

    func receive(_ token: UInt32, _ logits: [Float]?) {
        received.append(Drawn(token: token, logits: logits))
        wake()
    }

    func fail(_ error: any Error) {
        fault = error
        wake()
    }

    /// It leaves for others' sake; what has come and was not handed out is drawn again.
    func goBack() {
        wasSentBack = true
        received = []
        wake()
    }

    func wake() {
        waiter?.resume()
        waiter = nil
    }

    /// The next token, once it is there.
    ///
    /// - Returns: nil where the answer has been sent back.
    package func next(isolation: isolated (any Actor)? = #isolation) async throws -> Drawn? {
        // What was sent back may join again once it has nothing on its way.
        while received.isEmpty, fault == nil, !(wasSentBack && flights == 0) {
            await withUnsafeContinuation { waiter = $0 }
        }
        guard !received.isEmpty else {
            if let fault { throw fault }
            return nil
        }
        let drawn = received.removeFirst()
        tokens.append(drawn.token)
        keys.append(PositionKey(token: drawn.token))
        return drawn
    }
}
