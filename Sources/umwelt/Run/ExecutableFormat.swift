// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the kernel would make of a file at execve(2), from its first bytes.
enum ExecutableFormat: Equatable {
    /// A program of its own; with the loader that it names (PT_INTERP), nil for a static one.
    case elf(loader: String?)
    /// `#!`, and the interpreter after it.
    case script(interpreter: String)
    /// A program of another machine's: ENOEXEC, but where binfmt_misc knows it.
    case foreign
    /// Neither: ENOEXEC, but where binfmt_misc knows it.
    case unknown

    /// So many bytes of the file are looked at.
    static let headSize = 4096

    init(head: [UInt8]) {
        if head.starts(with: [0x7f, 0x45, 0x4c, 0x46]) {
            self = Self.elf(head)
        } else if head.starts(with: "#!".utf8) {
            let line = head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }
            let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            self = words.first.map { .script(interpreter: String(decoding: $0, as: UTF8.self)) } ?? .unknown
        } else {
            self = .unknown
        }
    }

    /// What the kernel's binfmt_elf would make of a 64-bit little-endian file; others it may run as well, or not.
    private static func elf(_ head: [UInt8]) -> ExecutableFormat {
        func number(_ offset: Int, _ size: Int) -> Int? {
            guard offset >= 0, size <= 8, offset <= head.count - size else { return nil }
            var value: UInt64 = 0
            for index in 0..<size { value |= UInt64(head[offset + index]) << UInt64(8 * index) }
            return Int(exactly: value)
        }
        // ELFCLASS64, ELFDATA2LSB
        guard head.count > 5, head[4] == 2, head[5] == 1 else { return .elf(loader: nil) }
        // e_type, e_machine, e_phoff, e_phentsize, e_phnum
        guard let type = number(16, 2), let machine = number(18, 2), let table = number(32, 8),
            let size = number(54, 2), let count = number(56, 2)
        else { return .unknown }
        guard machine == ownMachine else { return .foreign }
        // ET_EXEC, ET_DYN
        guard type == 2 || type == 3, size == 56, count > 0 else { return .unknown }
        guard table < headSize else { return .elf(loader: nil) }
        for index in 0..<min(count, 64) {
            let entry = table + index * size
            // PT_INTERP
            guard let type = number(entry, 4) else { break }
            guard type == 3 else { continue }
            // p_offset, p_filesz
            guard let offset = number(entry + 8, 8), let length = number(entry + 32, 8), length > 1, length < headSize,
                offset <= head.count - length
            else { break }
            let path = head[offset..<(offset + length)].prefix { $0 != 0 }
            return .elf(loader: String(decoding: path, as: UTF8.self))
        }
        return .elf(loader: nil)
    }

    #if arch(x86_64)
    private static let ownMachine = 62
    #else
    private static let ownMachine = 183
    #endif
}
