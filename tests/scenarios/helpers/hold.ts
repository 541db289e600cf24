// SPDX-License-Identifier: Apache-2.0
// A workload: opens a connection to an echo server, and at its end asks once more. Prints a line when it is open, and by
// its end what came back, or what ended the connection (JSON).
import { connect } from "node:net";

export interface HoldReport {
  readonly echo?: string;
  readonly error?: string;
}

if (import.meta.main) {
  const socket = connect(7000, process.argv[2] ?? "", () => process.stdout.write("\n"));
  const report = (what: HoldReport) => {
    process.stdout.write(JSON.stringify(what));
    process.exit();
  };
  socket.on("error", ({ message }) => report({ error: message }));
  socket.on("end", () => report({ error: "the server ended it" }));
  process.once("SIGTERM", () => {
    socket.once("data", (data) => report({ echo: String(data) }));
    socket.write("still here");
  });
}
