// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A node's resolv.conf as the kubelet reads it (`parseResolvConf`).
public struct NodeResolver: Equatable, Sendable {
    /// `nameserver` lines, unvalidated.
    public var servers: [Entry] = []
    /// The last `search` line.
    public var searches: [Entry] = []
    /// Options, one for each name in the order of their first occurrence.
    public var options: [Entry] = []
    /// What was there and does not count.
    public var dropped: [Dropped] = []
    /// Where each name stands among the options.
    private var optionPlaces: [Word: Int] = [:]
    /// The kubelet's exact words where the file is in error; it uses nothing of it then.
    public var error: Word?

    /// Reads `file`; never fails: an error is part of the result.
    public init(_ file: [UInt8], _ behaviour: Behaviour = Behaviour()) {
        guard file.count < Limits.fileSize else {
            error = "the read limit is reached"
            return
        }
        var number = 0
        for line in file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            let text = Fields.trimmed(line)
            guard text.first != UInt8(ascii: "#") else { continue }
            let words = Fields.split(text)
            guard let keyword = words.first else { continue }
            take(keyword, words.dropFirst(), line: number, behaviour)
        }
    }

    private mutating func take(_ keyword: Word, _ values: ArraySlice<Word>, line: Int, _ behaviour: Behaviour) {
        let origin = Origin.nodeFile(line: line)
        switch keyword {
        case "nameserver":
            guard let server = values.first else {
                // One message however often: the kubelet's aggregate drops those that say the same.
                error = "nameserver list is empty "
                return
            }
            servers.append(Entry(server, origin))
            dropped += values.dropFirst().map { Dropped(.server, Entry($0, origin), .surplus) }
        case "search":
            dropped += searches.map { Dropped(.search, $0, .replaced(byLine: line)) }
            searches = []
            for value in values { addSearch(value, origin, behaviour) }
        case "options":
            if !behaviour.mergesOptionLines {
                dropped += options.map { Dropped(.option, $0, .replaced(byLine: line)) }
                options = values.map { Entry($0, origin) }
                return
            }
            for value in values { addOption(Entry(value, origin)) }
        default:
            var all = keyword.bytes
            for value in values { all += [UInt8(ascii: " ")] + value.bytes }
            dropped.append(Dropped(.line, Entry(Word(all), origin), .unknownKeyword))
        }
    }

    private mutating func addSearch(_ value: Word, _ origin: Origin, _ behaviour: Behaviour) {
        guard behaviour.trimsTrailingDot else {
            searches.append(Entry(value, origin))
            return
        }
        if value == "." {
            switch behaviour.loneDot {
            case .kept: searches.append(Entry(value, origin))
            case .emptied: searches.append(Entry("", origin))
            case .dropped: dropped.append(Dropped(.search, Entry(value, origin), .loneDot))
            }
            return
        }
        searches.append(Entry(value.withoutTrailingDot, origin))
    }

    /// One for each name, the later text.
    ///
    /// The kubelet's order is that of a Go map, random; here it is the first one's.
    private mutating func addOption(_ entry: Entry) {
        let name = entry.word.optionName
        if let index = optionPlaces[name] {
            dropped.append(Dropped(.option, options[index], .overridden(by: entry.word)))
            options[index] = entry
        } else {
            optionPlaces[name] = options.count
            options.append(entry)
        }
    }
}
