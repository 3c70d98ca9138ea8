// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation

/// A socket before the engine's: the answer to the second start of the container `c` is lost there.
final class LostAnswer {
    let socket: String
    private let process = Process()
    /// It ends when that is closed.
    private let input = Pipe()

    /// What is a start: Docker's by its path, containerd's as the second call of a connection whose first is a large one.
    private static let program = #"""
        import os, re, socket, sys, threading, time

        made, starts, lock = [], [], threading.Lock()

        def begins_start(data):
            if data[:3] != b"PRI":
                # Not the pause container's.
                if b"/containers/create?name=k8s_c_" in data: made.append(1)
                return made and re.search(rb"POST /v[0-9.]+/containers/[0-9a-f]+/start ", data)
            place, kinds, first = 24, [], 0
            while place + 9 <= len(data):
                length = int.from_bytes(data[place:place + 3], "big")
                if data[place + 3] == 1: kinds.append(1)
                if data[place + 3] == 0 and len(kinds) == 1: first += length
                place += 9 + length
            return len(kinds) == 2 and first > 400

        def serve(client):
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(sys.argv[2])
            lost = threading.Event()

            def back():
                while data := engine.recv(65536):
                    if lost.is_set(): return
                    client.sendall(data)
                client.shutdown(socket.SHUT_RDWR)

            threading.Thread(target=back, daemon=True).start()
            seen, isKnown = b"", False
            while data := client.recv(65536):
                seen += data
                if not isKnown and begins_start(seen):
                    isKnown = True
                    with lock:
                        starts.append(1)
                        if len(starts) == 2: lost.set()
                engine.sendall(data)
                if lost.is_set():
                    time.sleep(2)
                    open(sys.argv[1] + ".lost", "w")
                    client.shutdown(socket.SHUT_RDWR)
                    return

        def guarded(client):
            try: serve(client)
            except OSError: client.close()

        def end():
            sys.stdin.read()
            os._exit(0)

        threading.Thread(target=end, daemon=True).start()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(sys.argv[1])
        listener.listen(64)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=guarded, args=[client], daemon=True).start()
        """#

    init(_ lab: Lab) throws {
        socket = lab.work + (lab.engine == .docker ? "/docker.sock" : "/containerd.sock")
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", Self.program, socket, lab.socket]
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        for _ in 0..<100 where !FileManager.default.fileExists(atPath: socket) { Thread.sleep(forTimeInterval: 0.1) }
    }

    deinit { process.terminate() }

    /// Whether there was one to lose.
    var isLost: Bool { FileManager.default.fileExists(atPath: socket + ".lost") }
}
