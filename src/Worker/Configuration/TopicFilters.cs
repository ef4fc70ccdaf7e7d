namespace StreamRnn.Worker.Configuration;

/// <summary>Relations of two topic filters.</summary>
internal static class TopicFilters
{
    /// <summary>True if some topic is selected by both.</summary>
    public static bool Overlap(string first, string second)
    {
        // A wildcard in front never selects '$...' topics [MQTT-4.7.2-1].
        if (first.StartsWith('$') != second.StartsWith('$'))
            return false;

        string[] a = first.Split('/');
        string[] b = second.Split('/');
        for (int level = 0; level < Math.Min(a.Length, b.Length); level++)
        {
            if (a[level] == "#" || b[level] == "#")
                return true;
            if (a[level] != "+" && b[level] != "+" && a[level] != b[level])
                return false;
        }

        // One ends first: they meet where they end together, or where the other adds only a '#', which stands for nothing too.
        string[] longer = a.Length > b.Length ? a : b;
        int shorter = Math.Min(a.Length, b.Length);
        return longer.Length == shorter || (longer.Length == shorter + 1 && longer[shorter] == "#");
    }
}
