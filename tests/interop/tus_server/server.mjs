// The official Node tus server on a free loopback port. Usage: node server.mjs DIRECTORY
// Prints its URL once it listens; stores what it receives in DIRECTORY; ends with its standard input,
// so that it never outlives the test that started it.
import http from "node:http";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const tus = new Server({
  path: "/files",
  datastore: new FileStore({ directory: process.argv[2] }),
});
const server = http.createServer((request, response) => tus.handle(request, response));
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/files`));
process.stdin.resume().on("end", () => process.exit(0));
