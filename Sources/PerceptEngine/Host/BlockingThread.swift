import PerceptVulkan

/// A thread for tasks that may block, as in waiting for a pipe, which Swift's own threads must not. It ends when nobody can give
/// it tasks any more.
package struct BlockingThread: Sendable {
    private let thread: ExecutorThread

    /// What tasks prefer that are to run on the thread.
    package var tasks: any TaskExecutor { thread.tasks }

    /// - Parameter name: shown by debuggers and `top`; the system keeps the first 15 bytes.
    package init(name: String) throws { thread = try ExecutorThread(name: name) }
}
