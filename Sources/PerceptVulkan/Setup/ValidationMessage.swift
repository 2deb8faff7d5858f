import CPerceptVulkan

/// What a validation layer or the loader has to say.
package struct ValidationMessage: Sendable, Hashable {
    package enum Severity: Sendable, Hashable {
        case verbose, information, warning, error
    }

    package let severity: Severity
    /// The rule, such as `VUID-vkCmdDispatch-None-02700` or `SYNC-HAZARD-WRITE-AFTER-WRITE`; empty where there is none.
    package let identifier: String
    package let text: String

    package init(severity: Severity, identifier: String, text: String) {
        self.severity = severity
        self.identifier = identifier
        self.text = text
    }
}

/// Carries messages from the C callback to the closure.
final class MessageSink: Sendable {
    let receive: @Sendable (ValidationMessage) -> Void

    init(_ receive: @escaping @Sendable (ValidationMessage) -> Void) { self.receive = receive }

    /// Warnings and errors of every kind, sent to this sink, which must outlive the messenger.
    var createInfo: VkDebugUtilsMessengerCreateInfoEXT {
        var info = VkDebugUtilsMessengerCreateInfoEXT()
        info.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT
        info.messageSeverity =
            VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT.rawValue
            | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT.rawValue
        info.messageType =
            VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT.rawValue
            | VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT.rawValue
            | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT.rawValue
        info.pfnUserCallback = { severity, _, data, user in
            guard let data, let user else { return VkBool32(VK_FALSE) }
            Unmanaged<MessageSink>.fromOpaque(user).takeUnretainedValue().receive(
                ValidationMessage(severity: severity, data.pointee))
            return VkBool32(VK_FALSE)
        }
        info.pUserData = Unmanaged.passUnretained(self).toOpaque()
        return info
    }
}

extension ValidationMessage {
    init(severity: VkDebugUtilsMessageSeverityFlagBitsEXT, _ data: VkDebugUtilsMessengerCallbackDataEXT) {
        self.severity =
            switch severity {
            case VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT: .error
            case VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT: .warning
            case VK_DEBUG_UTILS_MESSAGE_SEVERITY_INFO_BIT_EXT: .information
            default: .verbose
            }
        identifier = data.pMessageIdName.map { String(cString: $0) } ?? ""
        text = data.pMessage.map { String(cString: $0) } ?? ""
    }
}
