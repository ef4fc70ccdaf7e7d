using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace StreamRnn.Engine.Recording;

/// <summary>
/// Where a stream's recording lies below the folder: its name, a folder for every level of the topic, every byte that is not a-z, 0-9, '-' or
/// '_' as %XX, and so readable backwards. A dot stands for itself inside the last level; an empty level is a lone '%'.
/// <code>
/// plant/line 1/Temp        plant/line%201/%54emp.csv
/// plant/pump:motor.rpm     plant/pump%3Amotor.rpm.csv
/// ../etc                   %2E%2E/etc.csv
/// second life, first seen  plant/pump~2.csv,  plant/pump~3@120.csv
/// </code>
/// No two names share a path, also where case does not count; none leads out of the folder or is a device of Windows. A name too long for
/// a path is %long/SHA256, with the name itself beside it in a file .name.
/// </summary>
internal static class RecordingPath
{
    /// <summary>Longest folder or file that every file system takes, less what is put behind: part, first n, ending.</summary>
    private const int LongestLevel = 200;

    /// <summary>All of it; macOS takes 1024 with the folder in front.</summary>
    private const int LongestPath = 700;

    private const string LongNames = "%long/";
    private static readonly string[] Devices = ["con", "prn", "aux", "nul"];

    /// <summary>The path below the folder, '/' between its levels, without number and ending.</summary>
    /// <param name="name">UTF-8.</param>
    public static string Of(ReadOnlySpan<byte> name)
    {
        StringBuilder path = new(name.Length + 16);
        bool fits = true;
        foreach (Range range in name.Split((byte)'/'))
        {
            bool isLast = range.End.GetOffset(name.Length) == name.Length;
            int start = path.Length;
            AppendLevel(path, name[range], isLast);
            fits &= path.Length - start <= LongestLevel;
            if (!isLast)
                path.Append('/');
        }
        return fits && path.Length <= LongestPath ? path.ToString() : LongNames + Convert.ToHexStringLower(SHA256.HashData(name));
    }

    /// <summary>True if the name cannot be read from the path.</summary>
    public static bool IsShortened(string path) => path.StartsWith(LongNames, StringComparison.Ordinal);

    /// <summary>Part of the file name between the path and the extension.</summary>
    /// <param name="part">From 1: the stream's files in the order in which they were begun.</param>
    /// <param name="first">The n of its first row.</param>
    public static string Suffix(int part, long first) => (part, first) switch
    {
        (1, 1) => "",
        (_, 1) => string.Create(CultureInfo.InvariantCulture, $"~{part}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"~{part}@{first}"),
    };

    /// <summary>Takes such a suffix off a path without its ending.</summary>
    /// <returns>False where there is none.</returns>
    public static bool TrySplit(string path, out string stream, out int part, out long first)
    {
        (stream, part, first) = (path, 1, 1);
        int tilde = path.LastIndexOf('~');
        if (tilde < 0)
            return false;
        ReadOnlySpan<char> suffix = path.AsSpan(tilde + 1);
        int at = suffix.IndexOf('@');
        if (at >= 0 && !long.TryParse(suffix[(at + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out first))
            return false;
        stream = path[..tilde];
        return int.TryParse(at < 0 ? suffix : suffix[..at], NumberStyles.None, CultureInfo.InvariantCulture, out part);
    }

    private static void AppendLevel(StringBuilder path, ReadOnlySpan<byte> level, bool isLast)
    {
        if (level.IsEmpty)
            path.Append('%');
        for (int i = 0; i < level.Length; i++)
        {
            // A folder with an ending could be the file of another stream.
            byte b = level[i];
            bool stands = b is >= (byte)'a' and <= (byte)'z' or >= (byte)'0' and <= (byte)'9' or (byte)'-' or (byte)'_'
                || (b == '.' && isLast && i > 0 && i < level.Length - 1);
            if (stands && !(i == 0 && IsDevice(level)))
                path.Append((char)b);
            else
                path.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Names that Windows keeps for itself, whatever the ending.</summary>
    private static bool IsDevice(ReadOnlySpan<byte> level)
    {
        int dot = level.IndexOf((byte)'.');
        ReadOnlySpan<byte> stem = dot < 0 ? level : level[..dot];
        foreach (string device in Devices)
        {
            if (Ascii.Equals(stem, device))
                return true;
        }
        return stem.Length == 4 && (stem.StartsWith("com"u8) || stem.StartsWith("lpt"u8)) && stem[3] is >= (byte)'0' and <= (byte)'9';
    }
}
