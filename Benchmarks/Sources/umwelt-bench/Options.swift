// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the command line says.
struct Options {
    var umweltd = ""
    var isQuick = false
    /// Nothing but resident memory.
    var isMemoryOnly = false
    /// The directory for the report; nil: it is not kept.
    var saveDirectory: String?
    var isVerbose = false
    var lxcfsVersion = "of unknown version"

    static let usage =
        "usage: umwelt-bench --umweltd PROGRAM [--quick | --memory] [--verbose] [--save DIRECTORY] [--lxcfs-version TEXT]"

    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        func value(_ name: String) throws -> String {
            guard let value = rest.popFirst() else { throw Failure("\(name) needs a value; \(Self.usage)") }
            return value
        }
        while let argument = rest.popFirst() {
            switch argument {
            case "--umweltd": umweltd = try value(argument)
            case "--save": saveDirectory = try value(argument)
            case "--lxcfs-version": lxcfsVersion = try value(argument)
            case "--quick": isQuick = true
            case "--memory": isMemoryOnly = true
            case "--verbose": isVerbose = true
            default: throw Failure("unknown option \(argument); \(Self.usage)")
            }
        }
        guard umweltd.contains("/") else { throw Failure("--umweltd is missing; \(Self.usage)") }
    }
}
