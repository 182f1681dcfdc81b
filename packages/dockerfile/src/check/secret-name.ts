const secret = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const harmless = /(?:_|^)(?:public|file|version)(?:_|$)/i;

/** Whether a variable of this name probably holds something that must not be in an image. */
export const isSecretName = (name: string): boolean => secret.test(name) && !harmless.test(name);
