// SPDX-License-Identifier: Apache-2.0
// Loaded first by the launchers: keeps compiled code between runs, which halves the start time of the commands.
require("node:module").enableCompileCache(require("node:path").join(__dirname, "..", "build", "compile-cache"));
