import PerceptGraph
import PerceptModels
import PerceptShaders
import TestSupport
import Testing

/// Every plan here goes through the checker, and loses each of its barriers in turn.
@Suite("Hazards")
struct HazardTests {
    static let devices = [DeviceProfile.cpu8, .gpu32]

    @Test("random graphs", arguments: 0..<30 as Range<UInt64>)
    func random(seed: UInt64) throws {
        for device in Self.devices {
            let plan = try Plan(randomGraph(seed: seed, nodes: 40), for: device)
            prove(plan)
            #expect(PlanChecker.unneededBarriers(plan) == [])
        }
    }

    @Test("all published vision towers", arguments: PublishedModel.encoders.map(\.name))
    func vision(name: String) throws {
        let config = try #require(PublishedModel.named(name)?.encoder).vision
        for device in Self.devices {
            prove(try Plan(visionGraph(config, batch: 2), for: device))
            prove(try Plan(visionGraph(config, batch: 2, layers: 2, fusesNorms: true), for: device))
        }
    }

    @Test("all published text towers", arguments: PublishedModel.encoders.filter { $0.text != nil }.map(\.name))
    func text(name: String) throws {
        let config = try #require(PublishedModel.named(name)?.encoder?.text)
        for device in Self.devices {
            prove(try Plan(textGraph(config, batch: 3), for: device))
            prove(try Plan(textGraph(config, batch: 3, fusesNorms: true), for: device))
        }
    }

    /// An op's counters are its own; were they not, those of another would have to wait.
    @Test("two dispatches that count at the same place")
    func arrivals() throws {
        struct Counting: Operation {
            let counters: Tensor
            func dispatch(_ lowering: Lowering) -> Dispatch {
                Dispatch(
                    Catalog.empty, constants: ["LANES": 1], push: [:], groups: [1, 1, 1], reads: [],
                    writes: [Operand(counters)])
            }
        }
        var graph = Graph()
        let counters = graph.arrivals(3)
        graph.append("first", Counting(counters: counters))
        graph.append("second", Counting(counters: counters))
        graph.append("apart", Counting(counters: graph.arrivals(3)))
        let plan = try Plan(graph, for: .gpu32)
        #expect(plan.steps.map(\.barrier) == [false, true, false])
        #expect(PlanChecker.findings(in: plan) == [])
        let without = plan.commands.map { list in list.filter { $0 != .barrier(from: .compute, to: .compute) } }
        #expect(
            PlanChecker.findings(in: plan, commands: without) == [.hazard(first: "first", second: "second")])
    }

    @Test("a plan in pieces needs no barriers between them")
    func pieces() throws {
        var device = DeviceProfile.cpu8
        device.flopsPerSecond = 1e6
        let plan = try Plan(randomGraph(seed: 7, nodes: 40), for: device)
        #expect(plan.pieces.count > 5)
        prove(plan)
    }

    /// Random graphs name no states: the arena is all that these have in common.
    @Test("programs in one arena need the barrier in front of each", arguments: 0..<10 as Range<UInt64>)
    func inTurn(seed: UInt64) throws {
        let plans = try [seed, seed + 100, seed + 200].map { try Plan(randomGraph(seed: $0, nodes: 20), for: .gpu32) }
        let programs = plans.map { (plan: $0, commands: $0.commands) }
        #expect(PlanChecker.findings(inTurn: programs) == [])
        for index in plans.indices {
            var without = programs
            without[index].commands[0].removeFirst()
            #expect(!PlanChecker.findings(inTurn: without).isEmpty, "program \(index)")
        }
    }

    private func prove(_ plan: Plan) {
        #expect(PlanChecker.findings(in: plan) == [])
        let commands = plan.commands
        let labels = Set(plan.steps.map(\.label))
        var barriers: [(piece: Int, command: Int)] = []
        for (piece, list) in commands.enumerated() {
            for (index, command) in list.enumerated() {
                if case .barrier = command { barriers.append((piece, index)) }
            }
        }
        for (piece, command) in barriers {
            var without = commands
            without[piece].remove(at: command)
            let findings = PlanChecker.findings(in: plan, commands: without)
            let named = findings.contains { finding in
                guard case .hazard(let first, let second) = finding else { return false }
                let copies = first.hasPrefix("the copy of") || second.hasPrefix("the host's read of")
                return copies || labels.contains(first) && (labels.contains(second) || second.hasPrefix("the copy of"))
            }
            #expect(named, "without barrier \(command) of piece \(piece): \(findings)")
        }
    }
}

extension PlanChecker {
    /// Steps that wait although they conflict with nothing since the barrier before.
    static func unneededBarriers(_ plan: Plan) -> [Int] {
        var unneeded: [Int] = []
        var first = 0
        for (index, step) in plan.steps.enumerated() where step.barrier {
            let conflicts = plan.steps[first..<index].contains { earlier in
                touch(earlier.dispatch.writes, step.dispatch.reads + step.dispatch.writes, plan)
                    || touch(earlier.dispatch.reads, step.dispatch.writes, plan)
            }
            if !conflicts { unneeded.append(index) }
            first = index
        }
        return unneeded
    }

    private static func touch(_ a: [Operand], _ b: [Operand], _ plan: Plan) -> Bool {
        let spans = b.compactMap { plan.arenaSpan(of: $0.tensor) }
        return a.compactMap { plan.arenaSpan(of: $0.tensor) }.contains { span in spans.contains { $0.overlaps(span) } }
    }
}
