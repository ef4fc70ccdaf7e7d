using System.Numerics;
using System.Runtime.InteropServices;

namespace StreamRnn.Ingest.Ticks;

/// <summary>
/// Hashes bytes to 64 bits: eight bytes a round, multiplied to 128 bits and folded, as in the wyhash family. Fast and well spread; no
/// protection against an attacker who has the seed. The input log holds such hashes: the function never changes.
/// </summary>
internal static class ContentHash
{
    public static ulong Of(ReadOnlySpan<byte> bytes, ulong seed)
    {
        const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;   // 2^64 / golden ratio
        ulong hash = Fold(seed ^ (ulong)bytes.Length, Multiplier);
        while (bytes.Length >= sizeof(ulong))
        {
            hash = Fold(hash ^ MemoryMarshal.Read<ulong>(bytes), Multiplier);
            bytes = bytes[sizeof(ulong)..];
        }

        ulong rest = 0;
        foreach (byte part in bytes)
            rest = rest << 8 | part;
        return Fold(hash ^ rest, Multiplier);

        static ulong Fold(ulong a, ulong b) => Math.BigMul(a, b, out ulong low) ^ BitOperations.RotateLeft(low, 32) ^ a;
    }
}
