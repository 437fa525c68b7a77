// Publishes a body over the size limit with each of Node's clients, and prints a line for each response.
import { request } from 'node:http';

const [url, bytes] = process.argv.slice(2);
const body = Buffer.alloc(Number(bytes), ' ');

const told = (client, status, text) => console.log(client, status, JSON.parse(text).reason);

const response = await fetch(url, { method: 'POST', body });
told('fetch', response.status, await response.text());

await new Promise((done, fail) => {
  const sending = request(url, { method: 'POST', headers: { 'content-length': body.length } });
  sending.on('error', fail);
  sending.on('response', async (response) => {
    let text = '';
    for await (const piece of response) text += piece;
    told('http.request', response.statusCode, text);
    done();
  });
  sending.end(body);
});
