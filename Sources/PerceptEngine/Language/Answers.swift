import PerceptFiles
import PerceptGraph
import PerceptModels
import PerceptRuntime

/// Answers that a language model is making, several at a time.
///
/// One newcomer at a time is taken in: its pictures are seen and its prompt computed in pieces, while steps of decoding go on
/// for those that are there. A step takes all of them one token on, each with its own settings. Keys and values lie in pages
/// that answers share as far as they begin alike; where pages run short, the answer that came last goes back into the queue.
///
/// All calls come from the device's thread.
package final class Answers {
    package let engine: LanguageEngine
    private let rules: MediaRules
    private var cache: SequenceCache
    private var media: MediaShelf
    /// Who is taken in.
    private let entry = ExclusiveUse()
    /// Answers that take part in steps, the one that joined first in front.
    private var members: [Answer] = []
    private var freeSlots = Array((0..<LanguageDecoder.slots).reversed())
    private var number = 0
    private var isStepping = false
    /// Rows that a step may have: fewer once memory for so many was missing.
    private var mostRows = PLMGraphs.mostSequences
    /// Woken when an answer has left, or given back its pages.
    private let departures = WakeUp()

    package init(_ engine: LanguageEngine, rules: MediaRules) {
        self.engine = engine
        self.rules = rules
        cache = SequenceCache(pages: engine.graphs.decoder.pages)
        media = MediaShelf(places: engine.mediaPlaces)
    }

    // MARK: State

    /// Pages that no answer has.
    package var availablePages: Int { cache.availableCount }

    /// Lets go of what conversations have left.
    package func forget() {
        cache.removeKept()
        media.removeAll()
    }

    /// Does `body` when no answer is being made, and while none begins.
    package func alone<T>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> T
    ) async throws -> T {
        try await entry.enter()
        defer { entry.leave() }
        try await wait { members.isEmpty && !isStepping }
        return try await body()
    }

    // MARK: Joining

    /// Takes an answer in, when it is its turn: has what is new of its pictures seen, computes what is new of its prompt and
    /// draws the first token. The caller sees to it that `step` runs.
    ///
    /// - Throws: `CancellationError`, and what recordings and the device throw.
    package func join(_ answer: Answer, isolation: isolated (any Actor)? = #isolation) async throws {
        let queued = ContinuousClock.now
        try await entry.enter()
        defer { entry.leave() }
        answer.times.queue += .now - queued
        try await wait { members.count < mostRows && !freeSlots.isEmpty }
        _ = engine.takePromptUse()
        try await takePages(answer)
        do {
            let began = ContinuousClock.now
            let places = try await see(answer)
            let computing = ContinuousClock.now
            answer.times.vision += computing - began
            try await engine.prefill(
                answer.ids(from: answer.reused, places: places)[...], at: answer.reused, pages: answer.pages)
            let slot = freeSlots.removeLast()
            answer.slot = slot
            let first = try await engine.drawFirst(
                answer.settings, position: answer.keys.count - 1, slot: slot, keepsLogits: answer.keepsLogits)
            answer.times.prompt += .now - computing
            answer.use.add(engine.takePromptUse())
            answer.begin(first.token, first.logits)
        } catch {
            settle(answer)
            throw error
        }
        number += 1
        answer.number = number
        members.append(answer)
    }

    /// Waits for others to leave until something is so.
    private func wait(isolation: isolated (any Actor)? = #isolation, until isSo: () -> Bool) async throws {
        while true {
            let seen = departures.changes
            if isSo() { return }
            await departures.wait(since: seen)
            try Task.checkCancellation()
        }
    }

    /// Gives an answer the pages of what is there of its prompt, and others for the rest and a first token.
    private func takePages(_ answer: Answer, isolation: isolated (any Actor)? = #isolation) async throws {
        let prefix = cache.longest(answer.keys, among: members.map { ($0.computedKeys, $0.pages) })
        // The last position is computed in any case: the token comes from it.
        let reused = min(prefix.count, answer.keys.count - 1)
        let whole = Array(prefix.pages.prefix(reused / Pages.rows))
        let rest = reused % Pages.rows
        let source = rest > 0 ? prefix.pages[whole.count] : nil
        cache.retain(whole)
        cache.retain([source].compactMap { $0 })
        answer.pages = whole
        do {
            let count = Pages.count(positions: answer.keys.count + 1) - whole.count
            var pages: [Int] = []
            try await wait {
                guard let taken = cache.take(count) else { return false }
                pages = taken
                return true
            }
            answer.pages += pages
            if let source, let target = pages.first { try await engine.copyPage(source, to: target, count: rest) }
        } catch {
            cache.release([source].compactMap { $0 })
            settle(answer)
            throw error
        }
        cache.release([source].compactMap { $0 })
        answer.reused = reused
    }

    /// Has those chunks seen that the rest of a prompt shows and whose features are not there.
    ///
    /// - Returns: for the number of each chunk, the place of its features.
    private func see(_ answer: Answer, isolation: isolated (any Actor)? = #isolation) async throws -> [Int: Int] {
        var places: [Int: Int] = [:]
        var missing: [Int] = []
        let wanted = answer.prompt.chunks(behind: min(answer.reused, answer.prompt.ids.count))
        for number in wanted {
            places[number] = media.place(of: key(number, of: answer.prompt))
            if places[number] == nil { missing.append(number) }
        }
        answer.encodedChunks += missing.count
        while let number = missing.first {
            let item = answer.prompt.chunk(number).item
            let ofItem = missing.prefix { answer.prompt.chunk($0).item.firstRow == item.firstRow }
            missing.removeFirst(ofItem.count)
            let rounding = rules.rounding(item.plan.kind)
            let first = number - answer.prompt.chunk(number).index
            try await MediaChunks(item.plan, of: item.media, rules: rules).forEach(of: ofItem.map { $0 - first }) {
                chunk, input in
                // On the device's thread, like all that belongs to it.
                _ = isolation
                let place = media.takePlace()
                try await engine.see(input, rounding, place: place)
                media.put(key(first + chunk, of: answer.prompt), at: place)
                places[first + chunk] = place
            }
        }
        return places
    }

    private func key(_ number: Int, of prompt: PromptEncoder.Prompt) -> MediaShelf.Chunk {
        let (item, index) = prompt.chunk(number)
        return MediaShelf.Chunk(media: MediaKey(item.plan), index: index)
    }

    // MARK: Leaving

    /// Takes an answer out: its pages are given back once no step is on its way that writes to them.
    ///
    /// - Parameter keeps: whether what it holds is kept for conversations that begin like it.
    package func leave(_ answer: Answer, keeps: Bool) {
        if keeps, answer.slot != nil { cache.keep(answer.computedKeys, in: answer.pages) }
        remove(answer)
    }

    private func remove(_ answer: Answer) {
        members.removeAll { $0 === answer }
        answer.hasLeft = true
        if answer.flights == 0 { settle(answer) }
        departures.wake()
    }

    /// Gives back what an answer has.
    private func settle(_ answer: Answer) {
        cache.release(answer.pages)
        answer.pages = []
        if let slot = answer.slot { freeSlots.append(slot) }
        answer.slot = nil
        answer.wake()
        departures.wake()
    }

    // MARK: Steps

    /// A step on its way, with whose rows it has.
    private struct Flight {
        let step: LanguageEngine.Step
        let answers: [Answer]
    }

    /// Whether nobody runs steps though there is somebody who waits for them; then the caller is to call `step`.
    package func wantsSteps() -> Bool {
        guard !isStepping, members.contains(where: \.wantsToken) else { return false }
        isStepping = true
        return true
    }

    /// Runs steps, two on their way at a time, as long as an answer wants tokens.
    package func step(isolation: isolated (any Actor)? = #isolation) async {
        var flights: [Flight] = []
        do {
            while true {
                while flights.count < 2, let flight = try await handIn() { flights.append(flight) }
                guard !flights.isEmpty else { break }
                let flight = flights[0]
                try await engine.end(of: flight.step)
                flights.removeFirst()
                try land(flight)
            }
        } catch {
            for flight in flights {
                try? await engine.end(of: flight.step)
                flight.answers.forEach(takeOff)
            }
            for answer in members {
                answer.fail(error)
                remove(answer)
            }
        }
        isStepping = false
        departures.wake()
    }

    /// Hands in a step of all who want a token; nil where nobody does.
    private func handIn(isolation: isolated (any Actor)? = #isolation) async throws -> Flight? {
        var rows: [LanguageEngine.StepRow] = []
        var answers: [Answer] = []
        // Where pages are short, answers that came first are served first.
        for answer in members where answer.wantsToken && answers.count < mostRows {
            guard members.contains(where: { $0 === answer }), hasPage(for: answer), let slot = answer.slot else {
                continue
            }
            rows.append(
                LanguageEngine.StepRow(
                    position: answer.nextPosition, pages: answer.pages, slot: slot, settings: answer.settings))
            answers.append(answer)
        }
        guard !answers.isEmpty else { return nil }
        for answer in answers {
            answer.submitted += 1
            answer.flights += 1
        }
        let keepsLogits = answers.contains(where: \.keepsLogits)
        do {
            let step = try await engine.step(rows, keepsLogits: keepsLogits)
            return Flight(step: step, answers: answers)
        } catch {
            for answer in answers {
                answer.submitted -= 1
                takeOff(answer)
            }
            // Where there is no memory for so many, fewer may do.
            guard let fault = error as? any KnownFault, fault.kind == .temporary, answers.count > 1 else { throw error }
            mostRows = PLMGraphs.stepRows.last { $0 < answers.count } ?? 1
            return try await handIn()
        }
    }

    /// Sees to it that an answer's next position has a page: the answer that came last goes back into the queue where there
    /// is none.
    private func hasPage(for answer: Answer) -> Bool {
        while answer.nextPosition >= answer.pages.count * Pages.rows {
            if let page = cache.take(1) {
                answer.pages += page
                return true
            }
            guard let last = members.max(by: { $0.number < $1.number }) else { return false }
            let waits = last.flights > 0
            last.goBack()
            remove(last)
            if last === answer || waits { return false }
        }
        return true
    }

    private func land(_ flight: Flight) throws {
        var use = engine.takeStepUse()
        use.share(among: flight.answers.count)
        for answer in flight.answers {
            answer.use.add(use)
            takeOff(answer)
        }
        for (row, answer) in flight.answers.enumerated() where !answer.hasLeft {
            answer.receive(
                try engine.token(row, of: flight.step),
                answer.keepsLogits ? engine.logits(row, of: flight.step) : nil)
        }
    }

    /// Notes that a step has ended, or did not begin, that had a row of an answer.
    private func takeOff(_ answer: Answer) {
        answer.flights -= 1
        if answer.flights == 0, answer.hasLeft { settle(answer) }
    }
}
