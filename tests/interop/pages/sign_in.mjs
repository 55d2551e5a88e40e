// A client made of @xmpp/client over TLS that shows how it signs in: commands come in as lines of JSON, events go out as such.
import readline from "node:readline";

const modules = process.env.MODULES;
const { client, xml } = await import(`${modules}/@xmpp/client/index.js`);
const { password, mechanism, ...settings } = JSON.parse(process.env.SETTINGS);
const tell = (event, words = {}) => process.stdout.write(`${JSON.stringify({ event, ...words })}\n`);

let secret = password;
let token = null;
const agent = xml("user-agent", { id: "d4565fa7-4d72-4749-b3d3-740edbf87770" }, xml("software", {}, "interop"), xml("device", {}, "bench"));

function make() {
  const made = client({
    ...settings,
    credentials: async (done, mechanisms, fast) => {
      const credentials = { username: settings.username, password: secret, token: await fast?.fetch() };
      await done(credentials, mechanism ?? mechanisms[0], agent);
    },
  });
  made.fast.fetchToken = async () => token;
  made.fast.saveToken = async (given) => {
    token = given;
    tell("token", { token: given.token, mechanism: given.mechanism });
  };
  made.fast.deleteToken = async () => {
    token = null;
  };
  made.reconnect.delay = 100;
  made.on("element", (element) => {
    if (element.name === "success") tell("success", { xml: element.toString() });
  });
  made.on("send", (element) => {
    if (["auth", "authenticate"].includes(element.name)) tell("tries", { by: element.name, mechanism: element.attrs.mechanism });
  });
  made.on("stanza", (stanza) => {
    const body = stanza.is("message") && stanza.getChildText("body");
    if (body) tell("message", { from: stanza.attrs.from, body });
  });
  made.streamManagement.on("resumed", () => tell("resumed"));
  made.on("online", (jid) => {
    tell("signed-in", { jid: jid.toString() });
    made.send(xml("presence"));
  });
  made.on("error", (error) => tell("refused", { text: error.condition ?? String(error) }));
  return made;
}

let xmpp = make();
const start = () => xmpp.start().catch((error) => tell("refused", { text: error.condition ?? String(error) }));
readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const command = JSON.parse(line);
  if (command.do === "send") xmpp.send(xml("message", { type: "chat", to: command.to }, xml("body", {}, command.body)));
  if (command.do === "stop") {
    await xmpp.stop();
    tell("stopped");
  }
  // From here on the token must do.
  if (command.do === "come-back") {
    secret = null;
    xmpp = make();
    start();
  }
});
start();
