// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

// Yams' own module of libyaml: what Yams itself offers are whole documents.
internal import CYaml

/// What a text in YAML comes to, counted event by event before anything is made of it.
///
/// Yams compares a mapping's keys with all that is in them, aliases followed, and frees what is nested by recursion: neither
/// has a bound of its own.
struct YAMLBounds {
    private static let depthLimit = 100
    /// How many values aliases may expand to.
    private static let aliasLimit = 100_000

    /// What an alias stands for.
    private struct Extent {
        /// 0 for a scalar.
        var depth = 0
        /// Values, aliases followed.
        var size = 1
    }

    /// A list or mapping that has begun.
    private struct Level {
        var isMapping: Bool
        /// Whether a key comes next.
        var isAtKey: Bool
        var anchor: String?
        var extent = Extent(depth: 1)
    }

    private var levels: [Level] = []
    private var anchors: [String: Extent] = [:]
    /// How many values there may still be.
    private var budget: Int

    /// Throws where the text is nested too deeply, has a key that is no scalar, or has aliases that expand to too much.
    ///
    /// What is no YAML is left to whoever reads it.
    static func check(_ bytes: [UInt8]) throws(DocumentError) {
        // No value without an alias is shorter than a byte.
        var bounds = YAMLBounds(budget: aliasLimit + bytes.count)
        // The parser keeps a pointer to itself, so that it has a place of its own.
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        // SAFETY: allocated above.
        defer { unsafe parser.deallocate() }
        // SAFETY: as above; the parser is initialized by it.
        guard unsafe yaml_parser_initialize(parser) == 1 else { throw DocumentError("there is no memory for it") }
        // SAFETY: initialized above, once.
        defer { unsafe yaml_parser_delete(parser) }
        // SAFETY: the bytes are valid for their count as long as the parser reads them, which is in here.
        try unsafe bytes.withUnsafeBufferPointer { text throws(DocumentError) in
            unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
            unsafe yaml_parser_set_input_string(parser, text.baseAddress, text.count)
            var goesOn = true
            while goesOn {
                var event = unsafe yaml_event_t()
                guard unsafe yaml_parser_parse(parser, &event) == 1 else { return }
                defer { unsafe yaml_event_delete(&event) }
                goesOn = try unsafe bounds.take(event)
            }
        }
    }

    private init(budget: Int) { self.budget = budget }

    /// Says whether more may come.
    private mutating func take(_ event: yaml_event_t) throws(DocumentError) -> Bool {
        func name(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
            // SAFETY: libyaml's strings end in a NUL, and live as long as the event.
            unsafe pointer.map { unsafe String(cString: $0) }
        }
        let line = unsafe event.start_mark.line + 1
        // SAFETY: each member of the union is read for the event's own type.
        switch unsafe event.type {
        case YAML_SCALAR_EVENT:
            try add(Extent(), line)
            if let anchor = unsafe name(event.data.scalar.anchor) { anchors[anchor] = Extent() }
        case YAML_ALIAS_EVENT:
            // One to nothing is refused by whoever reads it.
            guard let anchor = unsafe name(event.data.alias.anchor), let extent = anchors[anchor] else { return false }
            try add(extent, line)
        case YAML_SEQUENCE_START_EVENT:
            try begin(isMapping: false, unsafe name(event.data.sequence_start.anchor), line)
        case YAML_MAPPING_START_EVENT:
            try begin(isMapping: true, unsafe name(event.data.mapping_start.anchor), line)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            guard let level = levels.popLast() else { return false }
            if let anchor = level.anchor { anchors[anchor] = level.extent }
            grow(level.extent)
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return false
        default: break
        }
        return true
    }

    private mutating func begin(isMapping: Bool, _ anchor: String?, _ line: Int) throws(DocumentError) {
        try step(Extent(depth: 1), line)
        levels.append(Level(isMapping: isMapping, isAtKey: isMapping, anchor: anchor))
    }

    /// Counts a scalar, or what an alias stands for.
    private mutating func add(_ extent: Extent, _ line: Int) throws(DocumentError) {
        try step(extent, line)
        grow(extent)
    }

    /// Looks whether a value may stand here.
    private mutating func step(_ extent: Extent, _ line: Int) throws(DocumentError) {
        guard levels.count + extent.depth <= Self.depthLimit else {
            throw DocumentError("line \(line): nested too deeply")
        }
        budget -= extent.size
        guard budget > 0 else { throw DocumentError("its aliases expand to more than \(Self.aliasLimit) values") }
        guard let index = levels.indices.last, levels[index].isMapping else { return }
        guard !levels[index].isAtKey || extent.depth == 0 else {
            throw DocumentError("line \(line): a key that is no scalar")
        }
        levels[index].isAtKey.toggle()
    }

    /// Adds what has ended to the list or mapping that it is in.
    private mutating func grow(_ extent: Extent) {
        guard let index = levels.indices.last else { return }
        levels[index].extent.depth = max(levels[index].extent.depth, extent.depth + 1)
        levels[index].extent.size += extent.size
    }
}
