// SPDX-License-Identifier: Apache-2.0
// Imported by tests (also with --import): a file descriptor that is not closed fails the test file.
import { trackFds } from "./fd.ts";

trackFds();
