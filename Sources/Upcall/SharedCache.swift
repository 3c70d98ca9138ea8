// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import KeyDNS
package import Kernel
import Resolver

/// What helper processes share: a file of a fixed size with counters and recent answers.
///
/// Not a word in it is trusted: a slot without its digest is no slot; a link, a file of another size, another's or one that
/// others may write, or of another start of the machine, is replaced. What is no file at all is left alone, for it is somebody else's.
/// Every error means doing without.
package final class SharedCache {
    private let path: Path
    private let file: Fd
    package let page: SharedPage
    private var worker: Int?
    /// How often everything had been forgotten when this process came.
    private let generation: UInt64
    /// Who asks, and so whose place an answer may take, and who is waited for.
    package var asker = Asker.root
    /// Why the last answer was not kept.
    package private(set) var trouble: String?

    private init(_ path: Path, _ file: consuming Fd, _ page: SharedPage) {
        self.path = path
        self.file = file
        self.page = page
        generation = page.load(CacheLayout.generationOffset)
    }

    /// false once somebody has said that what was known before is no longer so.
    package var isCurrent: Bool { page.load(CacheLayout.generationOffset) == generation }

    /// Opens the file, or makes it, with its directory.
    package static func open(_ path: Path) throws(Errno) -> SharedCache {
        var isDamaged = false
        do throws(Errno) {
            if let cache = try existing(path) { return cache }
            isDamaged = true
        } catch {
            // A link, which is not followed.
            isDamaged = error == Errno(rawValue: Rejection.ELOOP)
            guard isDamaged || error == .noEntry else { throw error }
        }
        do throws(Errno) {
            let file = try make(path, replacing: isDamaged)
            let page = try SharedPage(file, size: CacheLayout.pageSize)
            let cache = SharedCache(path, file, page)
            if isDamaged { cache.add(.cacheDamaged) }
            return cache
        } catch .exists {
            // Another helper was first.
            guard let cache = try existing(path) else { throw .exists }
            return cache
        }
    }

    /// The file as it should be; nil where it is something else.
    private static func existing(_ path: Path) throws(Errno) -> SharedCache? {
        let file = try Fd.open(path, .readWriteGuarded)
        let status = try file.status()
        guard status.isRegular else { throw .invalidArgument }
        guard status.user == ProcessID.effectiveUser, status.links == 1, status.mode & 0o022 == 0,
            status.size == UInt64(CacheLayout.fileSize)
        else { return nil }
        let page = try SharedPage(file, size: CacheLayout.pageSize)
        let isOurs = page.load(0) == CacheLayout.mark && page.load(CacheLayout.bootOffset) == boot(of: path)
        return isOurs ? SharedCache(path, file, page) : nil
    }

    /// A number for this start of the machine; 0 for the usual file, which does not outlive it.
    private static func boot(of path: Path) -> UInt64 {
        guard path.bytes != Policy.usualCache else { return 0 }
        return Digest.of((try? Fd.contents(of: "/proc/sys/kernel/random/boot_id", limit: 64)) ?? [])
    }

    /// A fresh file; in the place of whatever is there with `replacing`, else EEXIST where there is something.
    private static func make(_ path: Path, replacing: Bool) throws(Errno) -> Fd {
        let stage = Path(path.bytes + Array(".\(ProcessID.own).new".utf8))
        // The usual one goes with every start of the machine; others are the operator's own.
        if path.bytes == Policy.usualCache, let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) {
            try Directories.make(Path(path.bytes[..<slash]))
        }
        do throws(Errno) {
            // Where anybody may make files, this one is not found but made.
            try? Directories.unlink(stage)
            let file = try Fd.open(stage, [.readWrite, .create, .exclusive], mode: 0o600)
            try file.resize(to: Int64(CacheLayout.fileSize))
            for (offset, number) in [(CacheLayout.bootOffset, boot(of: path)), (0, CacheLayout.mark)] {
                try file.write((0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64($0 * 8)) }, at: Int64(offset))
            }
            try Directories.rename(stage, to: path, replacing: replacing)
            return file
        } catch {
            try? Directories.unlink(stage)
            throw error
        }
    }

    // MARK: Counters

    package func add(_ counter: KeyCounter, _ value: UInt64 = 1) { page.add(value, at: counter.offset) }

    package func count(_ counter: KeyCounter) -> UInt64 { page.load(counter.offset) }

    /// Notes that this process is at work; counts, and returns the number of, those that ended without a word.
    package func enter() -> Int {
        let (index, gone) = page.enter(at: KeyCounter.workersOffset, count: KeyCounter.workers)
        worker = index
        if gone > 0 { add(.killed, UInt64(gone)) }
        prepareLastWord()
        return gone
    }

    /// The numbers of helpers that are at work.
    package var atWork: [Int32] {
        stride(from: KeyCounter.workersOffset, to: KeyCounter.workersOffset + KeyCounter.workers * 4, by: 8).flatMap {
            let two = page.load($0)
            return [UInt32(truncatingIfNeeded: two), UInt32(truncatingIfNeeded: two >> 32)]
        }.compactMap { Int32(exactly: $0) }.filter { $0 > 0 && FileTree.isThere(Path("/proc/\($0)")) }
    }

    package func leave() {
        if let worker { page.leave(at: KeyCounter.workersOffset, index: worker) }
        // It may be another's from now on.
        worker = nil
        prepareLastWord()
    }

    private func prepareLastWord() {
        page.lastWordCounts(
            late: KeyCounter.deadlines.offset,
            killed: KeyCounter.killed.offset,
            broken: KeyCounter.crashes.offset,
            workers: KeyCounter.workersOffset,
            index: worker
        )
    }

    /// Counts what came of a question that began at `start`, and says that this process is done.
    package func account(_ answer: KeyAnswer, questions: Int = 0, ignored: Int = 0, since start: UInt64) {
        switch answer {
        case .payload(_, _, let source):
            add(.answered)
            if source == .cache { add(.fromCache) }
            if source == .stale { add(.stale) }
        case .rejected(let rejection): add(rejection.counter)
        }
        add(.questions, UInt64(clamping: questions))
        add(.ignoredMessages, UInt64(clamping: ignored))
        add(.microseconds, (Clock.boot - min(start, Clock.boot)) / 1000)
        leave()
    }

    // MARK: Answers

    /// Waits for whoever is asking for the same name, and keeps others waiting until `unlock`, or until this process
    /// ends.
    ///
    /// With `until` (CLOCK_BOOTTIME) no longer than that: false then.
    @discardableResult package func lock(_ key: CacheRecord.Key, until: UInt64? = nil) -> Bool {
        let offset = CacheLayout.lockOffset(of: key, for: asker)
        while true {
            do throws(Errno) {
                if until == nil { try file.lockByte(at: offset) } else { try file.tryLockByte(at: offset) }
                return true
            } catch .again {
                guard let until, Clock.boot < until else { return false }
                _ = try? Readiness.wait([], milliseconds: 5)
            } catch {
                // No lock to be had: without it.
                return true
            }
        }
    }

    package func unlock(_ key: CacheRecord.Key) {
        try? file.unlockByte(at: CacheLayout.lockOffset(of: key, for: asker))
    }

    package func record(_ key: CacheRecord.Key) -> CacheRecord? {
        let size = CacheLayout.ways * CacheRecord.size
        guard let set = try? file.read(count: size, at: Int64(CacheLayout.offset(of: key))) else { return nil }
        return CacheLayout.place(key, in: set, now: Clock.boot).record
    }

    /// How many names are kept, and how many of them for file systems in the kernel.
    package var names: (all: Int, kernels: Int) {
        let size = CacheLayout.ways * CacheRecord.size
        let records = (0..<CacheLayout.sets).flatMap { index in
            CacheLayout.records(in: (try? file.read(count: size, at: Int64(CacheLayout.pageSize + index * size))) ?? [])
        }.compactMap { $0 }
        return (records.count, records.count { $0.asker == .kernel })
    }

    /// Forgets every answer, but not which address a client has; what was counted stays.
    ///
    /// Helpers that are asking now keep nothing of what they hear.
    package func forget() throws(Errno) {
        page.add(1, at: CacheLayout.generationOffset)
        let size = CacheLayout.ways * CacheRecord.size
        for index in 0..<CacheLayout.sets {
            let lock = CacheLayout.setLockOffset(index)
            try file.lockByte(at: lock)
            defer { try? file.unlockByte(at: lock) }
            let offset = Int64(CacheLayout.pageSize + index * size)
            let set = try file.read(count: size, at: offset)
            // A set that was never written takes no room, and shall take none.
            guard set.contains(where: { $0 != 0 }) else { continue }
            try file.write(CacheLayout.forgotten(set), at: offset)
        }
    }

    /// Keeps an answer whose key the caller has locked.
    ///
    /// Helpers for other keys may be at the same set: its own lock is for as long as the slot is chosen and written.
    package func store(_ record: CacheRecord) {
        let offset = CacheLayout.offset(of: record.key)
        let lock = CacheLayout.setLockOffset(of: record.key)
        do throws(Errno) {
            try file.lockByte(at: lock)
            defer { try? file.unlockByte(at: lock) }
            let set = try file.read(count: CacheLayout.ways * CacheRecord.size, at: Int64(offset))
            let now = Clock.boot
            let place = CacheLayout.place(record.key, in: set, for: asker, now: now)
            // What was stored meanwhile, by who waits at another lock, is newer; what is of a time to come is of an earlier start.
            let known = place.record?.storedAt ?? 0
            guard isCurrent, let way = place.way, known <= record.storedAt || known > now else { return }
            var record = record
            if record.asker.rawValue < asker.rawValue { record.asker = asker }
            try file.write(record.encoded(), at: Int64(offset + way * CacheRecord.size))
        } catch {
            trouble = "not kept in \(path): \(error)"
        }
    }
}
