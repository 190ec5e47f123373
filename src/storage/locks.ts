/** Advisory lock keys that more than one file takes. */

/** "user" in ASCII. Held shared by transactions that store events, and alone by those that take a user's number away. */
export const USERS_LOCK_KEY = 0x7573_6572;
