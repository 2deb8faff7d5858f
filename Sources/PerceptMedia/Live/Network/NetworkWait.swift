import CPerceptMedia

/// How long FFmpeg waits for a sender, and what it means when it gives up.
struct NetworkWait {
    private let interruption: Interruption

    init(_ interruption: Interruption) { self.interruption = interruption }

    func attach(to context: UnsafeMutablePointer<AVFormatContext>) {
        context.pointee.interrupt_callback = interruption.callback
        // What is known of a stream after two seconds must do: pictures that come meanwhile are old when shown.
        context.pointee.max_analyze_duration = 2_000_000
    }

    func noteProgress() { interruption.noteProgress() }

    func fault(_ code: Int32, _ activity: String) -> MediaError.Fault {
        // A source that is to stop does not ask; else only the end of its patience interrupts FFmpeg, which not every
        // protocol tells as such. (The clock may have been restarted since, by what had come in before the silence.)
        code == percept_averror_exit() || interruption.isOverdue
            ? silence : .unreachable(MediaError.Fault.detail(code, activity))
    }

    func misfit(_ fault: MediaError.Fault) -> MediaError.Fault {
        if interruption.isOverdue { return silence }
        // What FFmpeg logged says more than that nothing came of it: a port in use, packets that want a description.
        guard percept_message().pointee != 0, fault != .noVisualStream else { return fault }
        return .unreachable(MediaError.Fault.detail(percept_averror_invalid(), "opening"))
    }

    private var silence: MediaError.Fault {
        .unreachable("nothing came for \((interruption.patience.inSeconds * 1000).rounded() / 1000) s")
    }
}
