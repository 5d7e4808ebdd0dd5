// An OpenID Connect provider for a test: anybody may log in with any name. "NAME@..." has that e-mail address,
// verified; "new-NAME@..." has it unverified.
import Provider from 'oidc-provider';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const [port, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

// The same key after a restart.
if (!existsSync('key.json')) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync('key.json', JSON.stringify(privateKey.export({ format: 'jwk' })));
}
const key = JSON.parse(readFileSync('key.json'));

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'troupe',
      client_secret: 'a secret of the test & more',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false, // the e-mail address in the ID token, as most providers have it
  cookies: { keys: ['a key of the test'] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: !id.startsWith('new-') }),
  }),
  jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256', kid: 'test' }] },
  pkce: { required: () => true },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
