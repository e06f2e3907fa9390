/** What a slot holds. */
export const ABSENT = 0;
export const STRING = 1; // bytes start..end
export const NUMBER = 2; // int or double, in `number`
export const BOOL = 3; // 0 or 1 in `number`
export const OTHER = 4; // array, map or bytes: present, never equal to a scalar
