namespace StreamRnn.Engine.Streams;

/// <summary>
/// Pattern of the streams that a setting applies to: an MQTT topic filter over stream names. <c>+</c> stands for one level, a final
/// <c>#</c> for all that follow. A pattern without a path covers every path of its topics; <c>meters/+:power</c> picks one of them.
/// </summary>
public sealed record StreamPattern
{
    private readonly string _text;

    /// <exception cref="ArgumentException">There is a <see cref="FaultOf"/> it.</exception>
    public StreamPattern(string text) => _text = FaultOf(text) is string fault ? throw new ArgumentException(fault) : text;

    /// <summary>True if it covers every path of its topics, false for a single path.</summary>
    public bool IsOfWholeTopics => PathAt < 0;

    /// <summary>The filter of its topics, without the path if it names one.</summary>
    public string Topics => PathAt < 0 ? _text : _text[..PathAt];

    private int PathAt => _text.LastIndexOf(':') is int colon && colon > _text.LastIndexOf('/') ? colon : -1;

    /// <summary>
    /// Describes the fault of a pattern: it is empty, or a wildcard shares a level with other characters. Null for a good one.
    /// </summary>
    public static string? FaultOf(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return "the pattern is empty";
        for (int i = 0; i < text.Length; i++)
        {
            bool starts = i == 0 || text[i - 1] == '/';
            bool ends = i == text.Length - 1 || text[i + 1] == '/' || text[i + 1] == ':';
            if (text[i] == '+' && !(starts && ends))
                return $"'{text}': '+' must fill a whole level, as in 'plant/+/pressure'";
            if (text[i] == '#' && !(starts && i == text.Length - 1))
                return $"'{text}': '#' must be the last level, as in 'plant/#'";
        }
        return null;
    }

    /// <summary>True if the stream called <paramref name="name"/> (<c>topic</c> or <c>topic:path</c>) matches.</summary>
    public bool Matches(ReadOnlySpan<char> name)
    {
        ReadOnlySpan<char> pattern = _text;

        // Streams of the broker itself are never meant by a wildcard [MQTT-4.7.2-1].
        if (name.StartsWith('$') && !pattern.StartsWith('$'))
            return false;

        while (!pattern.IsEmpty)
        {
            if (pattern[0] == '#')
                return true;
            if (pattern[0] == '+')
            {
                pattern = pattern[1..];
                int level = pattern.StartsWith(':') ? name.IndexOfAny('/', ':') : name.IndexOf('/');
                name = level < 0 ? [] : name[level..];
            }
            else if (!name.IsEmpty && pattern[0] == name[0])
            {
                pattern = pattern[1..];
                name = name[1..];
            }
            else
            {
                return name.IsEmpty && pattern is "/#";   // 'plant/#' means 'plant' too
            }
        }
        return name.IsEmpty || (name[0] == ':' && !name.Contains('/'));
    }

    public override string ToString() => _text;
}
