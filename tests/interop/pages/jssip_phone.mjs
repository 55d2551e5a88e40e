// A phone made of JsSIP, without sound, over SIP WebSocket: commands come in as lines of JSON, events go out as such.
import { createRequire } from "node:module";
import readline from "node:readline";

const require = createRequire(`${process.env.MODULES}/`);
globalThis.WebSocket = require("ws");
const JsSIP = require("jssip");
const { server, number, user, password } = JSON.parse(process.env.SETTINGS);
const tell = (event, words = {}) => process.stdout.write(`${JSON.stringify({ event, ...words })}\n`);

const socket = new JsSIP.WebSocketInterface(server);
const phone = new JsSIP.UA({ sockets: [socket], uri: `sip:${number}@localhost`, authorization_user: user ?? number, password, register_expires: 120 });
phone.on("connected", () => tell("connected"));
phone.on("disconnected", () => tell("disconnected"));
phone.on("registered", ({ response }) => tell("registered", { contact: response.getHeader("contact"), require: response.getHeader("require") }));
phone.on("unregistered", () => tell("unregistered"));
phone.on("registrationFailed", ({ cause }) => tell("registration-failed", { cause }));
phone.on("newMessage", ({ originator, message, request }) => {
  if (originator === "remote") tell("message", { from: message.remote_identity.uri.toAor(), body: request.body });
});
const handlers = (what) => ({
  succeeded: ({ response }) => tell(what, { status: response.status_code, allow: response.getHeader("allow") }),
  failed: ({ cause }) => tell(`${what}-failed`, { cause }),
});
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  if (command.do === "message") phone.sendMessage(command.to, command.body, { eventHandlers: handlers("sent") });
  if (command.do === "options") phone.sendOptions(command.to, "", { eventHandlers: handlers("options") });
  if (command.do === "unregister") phone.unregister();
});
phone.start();
