// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Keeper
import Testing

struct StoredAreasTests {
    /// What the service manager has and was told.
    private struct Manager {
        var areas = StoredAreas()
        var names: Set<String> = []
        var told: [String] = []
        var hears = true

        mutating func keep(_ wanted: [UInt64]) {
            told = []
            var (said, kept) = (told, names)
            areas.change(
                to: wanted,
                store: { [hears] inode, name in
                    said.append("+\(inode)")
                    if hears { kept.insert(name) }
                    return hears
                },
                drop: { [hears] name in
                    said.append("-\(name.drop { $0 != "." }.dropFirst())")
                    if hears { kept.remove(name) }
                    return hears
                }
            )
            (told, names) = (said, kept)
        }
    }

    @Test func keepsWhatIsWantedAndNothingElse() {
        var manager = Manager()
        manager.keep([7])
        #expect(manager.told == ["+7"])
        // The worker has ended with something in hand; the next one has another memory.
        manager.keep([9, 7, 7])
        #expect(manager.told == ["+9"])
        manager.keep([9])
        #expect(manager.told == ["-7"] && manager.names.count == 1)
        manager.keep([9])
        #expect(manager.told.isEmpty)
        manager.keep([])
        #expect(manager.told == ["-9"] && manager.names.isEmpty)
    }

    @Test func namesAreKnownAgain() {
        var manager = Manager()
        manager.keep([.max])
        let names = manager.names
        #expect(names.allSatisfy { StoredAreas.isName($0) && !$0.contains(":") && $0.utf8.count < 100 })
        #expect(!StoredAreas.isName("umwelt-connection.41.0.0.4") && !StoredAreas.isName("umwelt-snapshots"))
        // The same one, given by another process.
        manager.areas = StoredAreas()
        manager.keep([.max])
        #expect(manager.names == names)
    }

    @Test func theFirstOnesHaveRoom() {
        var manager = Manager()
        manager.keep(Array(1...100))
        #expect(manager.told == (1...Held.areaLimit).map { "+\($0)" })
        // Room is made before it is taken.
        manager.keep([50] + Array(1...100))
        #expect(manager.told == ["-\(Held.areaLimit)", "+50"])
    }

    @Test func whatWasNotHeardIsSaidAgain() {
        var manager = Manager()
        manager.hears = false
        manager.keep([7])
        manager.keep([7])
        #expect(manager.told == ["+7"])
        manager.hears = true
        manager.keep([7])
        manager.hears = false
        manager.keep([])
        manager.hears = true
        manager.keep([])
        #expect(manager.told == ["-7"] && manager.names.isEmpty)
    }
}
