// A client made of @xmpp/client over WebSocket: commands come in as lines of JSON, events go out as such.
import readline from "node:readline";

const modules = process.env.MODULES;
globalThis.WebSocket = (await import(`${modules}/ws/wrapper.mjs`)).default;
const { client, xml } = await import(`${modules}/@xmpp/client/index.js`);
const settings = JSON.parse(process.env.SETTINGS);
const tell = (event, words = {}) => process.stdout.write(`${JSON.stringify({ event, ...words })}\n`);

const xmpp = client(settings);
xmpp.on("error", (error) => tell("error", { text: String(error) }));
xmpp.on("status", (status) => tell(status));
xmpp.streamManagement.on("resumed", () => tell("resumed"));
xmpp.on("stanza", (stanza) => {
  const body = stanza.is("message") && stanza.getChildText("body");
  if (body) tell("message", { from: stanza.attrs.from, body, id: stanza.getChild("stanza-id", "urn:xmpp:sid:0")?.attrs.id });
});
xmpp.on("online", async (jid) => {
  tell("signed-in", { jid: jid.toString() });
  const answer = await xmpp.iqCaller.get(xml("query", { xmlns: "jabber:iq:roster" }));
  tell("roster", { items: answer.getChildren("item").map((item) => item.attrs.jid) });
  await xmpp.send(xml("presence"));
});
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  if (command.do === "send") xmpp.send(xml("message", { type: "chat", to: command.to }, xml("body", {}, command.body)));
  if (command.do === "stop") xmpp.stop();
});
await xmpp.start();
