using System.Text;

namespace StreamRnn.Ingest.Tests.Payloads;

/// <summary>Payloads of every form, and random damage to them: bits, telling bytes, cuts, repetitions, pieces of another payload.</summary>
internal static class PayloadMutation
{
    private static readonly byte[] Telling = [0, 0x80, 0xFF, 0xC2, 0xEF, .. "{}[]\":,\\.eE+-0919nut \n%#/"u8];

    private static readonly byte[][] Samples = [.. new[]
    {
        "21.5", "-1.7e-9", "true", "NaN", "1e999",
        "{\"temperature\":27.34,\"humidity\":44.72,\"last_seen\":\"2026-01-01T00:00:00Z\",\"linkquality\":87}",
        "{\"Time\":\"2018-03-02T18:30:10\",\"AM2301\":{\"Temperature\":22.6,\"Humidity\":40},\"TempUnit\":\"C\"}",
        "{\"state\":{\"reported\":{\"a\":[1,2,{\"b\":true}],\"c\":null}},\"ts\":1700000000123}",
        "{\"value\":1.5,\"t\":1700000000.25}", "{\"a\\u0062\":{\"\\ud83d\\ude00\":{\"c\":{\"d\":{\"e\":1}}}},\"a\":1,\"a\":2}",
        "[{\"bn\":\"urn:dev:1:\",\"bt\":1.7e9,\"bu\":\"A\",\"bver\":5,\"n\":\"t\",\"u\":\"Cel\",\"v\":23.1},{\"n\":\"s\",\"t\":-5,\"s\":2,\"bs\":1}]",
        "[{\"n\":\"a\",\"vb\":true},{\"n\":\"b\",\"vs\":\"x\"},{\"bv\":3,\"v\":1}]",
    }.Select(Encoding.UTF8.GetBytes)];

    public static byte[] Next(Random random)
    {
        List<byte> bytes = [.. Samples[random.Next(Samples.Length)]];
        for (int edits = random.Next(6); edits > 0 && bytes.Count > 0; edits--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = Telling[random.Next(Telling.Length)];
                    break;
                case 2:
                    bytes.Insert(at, Telling[random.Next(Telling.Length)]);
                    break;
                case 3:
                    bytes.RemoveRange(at, random.Next(1, Math.Min(bytes.Count - at, 20) + 1));
                    break;
                case 4:
                    List<byte> piece = bytes.GetRange(at, Math.Min(random.Next(1, 30), bytes.Count - at));
                    for (int times = random.Next(1, random.Next(10) == 0 ? 60 : 4); times > 0; times--)
                        bytes.InsertRange(at, piece);
                    break;
                default:
                    byte[] other = Samples[random.Next(Samples.Length)];
                    int from = random.Next(other.Length);
                    bytes.InsertRange(at, other[from..random.Next(from, other.Length + 1)]);
                    break;
            }
        }
        return [.. bytes];
    }
}
