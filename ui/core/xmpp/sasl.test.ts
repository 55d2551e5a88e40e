import { describe, expect, it } from 'vitest';
import { HashedToken, SaslError, Scram, base64, fromBase64, prepared } from './sasl.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

// RFC 7677 §3.
const SERVER_FIRST = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';
const example = () => new Scram('user', 'pencil', 'rOprNGfwEbeRWgbNEkqO');

describe('SCRAM-SHA-256', () => {
  it('is the example of RFC 7677', async () => {
    const scram = example();
    expect(text(await scram.first())).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO');
    expect(text(await scram.answer(bytes(SERVER_FIRST)))).toBe(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    );
    await scram.finish(bytes('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='));
  });

  it('refuses a server that does not know the password', async () => {
    const scram = example();
    await scram.first();
    await scram.answer(bytes(SERVER_FIRST));
    await expect(scram.finish(bytes('v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='))).rejects.toThrow(SaslError);
    await expect(example().finish(bytes('v='))).rejects.toThrow(SaslError);
  });

  it.each([
    ['another nonce', SERVER_FIRST.replace('rOpr', 'xxxx')],
    ['a nonce without its part', 'r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'],
    ['too few iterations', SERVER_FIRST.replace('4096', '10')],
    ['far too many', SERVER_FIRST.replace('4096', '4000000000')],
    ['a mandatory extension', `m=x,${SERVER_FIRST}`],
  ])('refuses %s', async (_, challenge) => {
    await expect(example().answer(bytes(challenge))).rejects.toThrow(SaslError);
  });

  it('escapes user names', async () => {
    expect(text(await new Scram('a=b,c', 'x', 'n').first())).toBe('n,,n=a=3Db=2Cc,r=n');
  });
});

it('prepares passwords as SASLprep does', () => {
  expect(prepared('I\u00adX')).toBe('IX');
  expect(prepared('\u2168')).toBe('IX');
  expect(prepared('a\u00a0b')).toBe('a b');
});

it('proves a token and checks the answer', async () => {
  const token = new HashedToken('ann', 'secret-token:abc');
  const first = await token.first();
  expect(text(first.slice(0, 4))).toBe('ann\0');
  expect(first).toHaveLength(4 + 32);
  await expect(token.finish(first.slice(4))).rejects.toThrow(SaslError);
});

it('knows base64', () => {
  expect(base64(fromBase64('AP+A'))).toBe('AP+A');
  expect(() => fromBase64('*')).toThrow(SaslError);
});
