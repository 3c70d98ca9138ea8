// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A file or directory of the host that shows in the container: `SRC:DST[:ro|:rw]`.
struct Volume: Equatable {
    var source: String
    /// Absolute, without `.`, `..` or doubled slashes.
    var destination: String
    var isReadOnly: Bool

    /// Why a text is no volume.
    enum Problem: Error, Equatable {
        case form, mode(String), relativeDestination(String), reservedDestination(String)

        var text: String {
            switch self {
            case .form: "a volume is SOURCE:DESTINATION, SOURCE:DESTINATION:ro or SOURCE:DESTINATION:rw"
            case .mode(let mode): "a volume ends in :ro or :rw, not in :\(mode)"
            case .relativeDestination(let path): "the destination \(path) must begin with /"
            case .reservedDestination(let path):
                "nothing can be mounted over \(path); choose a directory outside /proc, /sys and /dev"
            }
        }
    }

    init(_ text: String) throws(Problem) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 || parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty else { throw .form }
        source = parts[0]
        guard parts[1].hasPrefix("/") else { throw .relativeDestination(parts[1]) }
        destination = CleanPath.absolute(parts[1])
        try Self.check(destination: destination)
        switch parts.count == 3 ? parts[2] : "rw" {
        case "ro": isReadOnly = true
        case "rw": isReadOnly = false
        case let other: throw .mode(other)
        }
    }

    static func check(destination: String) throws(Problem) {
        for reserved in ["/proc", "/sys", "/dev"] where CleanPath.is(destination, below: reserved) {
            throw .reservedDestination(destination)
        }
        guard destination != "/" else { throw .reservedDestination("/") }
    }
}

/// Paths as text, without asking a file system.
enum CleanPath {
    /// `path` without `.`, `..`, doubled and final slashes; a relative one as seen from `directory`.
    static func absolute(_ path: String, from directory: String = "/") -> String {
        var components: [Substring] = []
        for component in (path.hasPrefix("/") ? path : directory + "/" + path).split(separator: "/") {
            switch component {
            case ".": continue
            case "..": _ = components.popLast()
            default: components.append(component)
            }
        }
        return "/" + components.joined(separator: "/")
    }

    /// Whether `path` is `directory` or in it.
    static func `is`(_ path: String, below directory: String) -> Bool {
        directory == "/" || path == directory || path.hasPrefix(directory + "/")
    }
}
