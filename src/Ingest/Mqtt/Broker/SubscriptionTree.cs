namespace StreamRnn.Ingest.Mqtt.Broker;

/// <summary>One session's interest in one filter.</summary>
internal sealed class Subscription(BrokerSession session)
{
    public BrokerSession Session { get; } = session;

    public byte Qos { get; set; }

    public bool NoLocal { get; set; }

    public bool RetainAsPublished { get; set; }

    /// <summary>0 when there is none.</summary>
    public uint Identifier { get; set; }
}

/// <summary>
/// Filters as a tree of topic levels, so that a message costs its levels and not the number of filters. Not synchronised. Depth is
/// bounded because filters are (<see cref="Fits"/>).
/// </summary>
internal sealed class SubscriptionTree
{
    private const int MaximumLevels = 64;
    private const int MaximumFilterBytes = 1024;

    private readonly Node _root = new();

    /// <summary>True if a filter is short and shallow enough to be kept.</summary>
    public static bool Fits(ReadOnlySpan<byte> filter) =>
        filter.Length <= MaximumFilterBytes && filter.Count((byte)'/') < MaximumLevels;

    public void Add(ReadOnlySpan<byte> filter, Subscription subscription)
    {
        Node node = _root;
        while (true)
        {
            ReadOnlySpan<byte> level = FirstLevel(filter, out bool last, out filter);
            if (level.SequenceEqual("#"u8))
            {
                (node.Below ??= []).Add(subscription);
                return;
            }

            node = level.SequenceEqual("+"u8) ? node.AnyChild ??= new Node() : node.GetOrAddChild(level);
            if (last)
            {
                (node.Here ??= []).Add(subscription);
                return;
            }
        }
    }

    public void Remove(ReadOnlySpan<byte> filter, Subscription subscription) => Remove(_root, filter, subscription);

    /// <summary>Adds to the list every subscription whose filter selects the topic.</summary>
    public void Match(ReadOnlySpan<byte> topic, List<Subscription> into) =>
        Match(_root, topic, wildcards: topic[0] != '$', into);

    private static void Match(Node node, ReadOnlySpan<byte> topic, bool wildcards, List<Subscription> into)
    {
        ReadOnlySpan<byte> level = FirstLevel(topic, out bool last, out ReadOnlySpan<byte> rest);
        if (wildcards && node.Below is not null)
            into.AddRange(node.Below);
        if (wildcards && node.AnyChild is not null)
            MatchChild(node.AnyChild, last, rest, into);
        if (node.TryGetChild(level) is { } child)
            MatchChild(child, last, rest, into);
    }

    private static void MatchChild(Node child, bool last, ReadOnlySpan<byte> rest, List<Subscription> into)
    {
        if (!last)
        {
            Match(child, rest, wildcards: true, into);
            return;
        }

        if (child.Here is not null)
            into.AddRange(child.Here);
        if (child.Below is not null)
            into.AddRange(child.Below);   // "a/#" selects "a"
    }

    /// <summary>Prunes the nodes it leaves empty.</summary>
    private static void Remove(Node node, ReadOnlySpan<byte> filter, Subscription subscription)
    {
        ReadOnlySpan<byte> level = FirstLevel(filter, out bool last, out ReadOnlySpan<byte> rest);
        if (level.SequenceEqual("#"u8))
        {
            node.Below?.Remove(subscription);
            return;
        }

        bool any = level.SequenceEqual("+"u8);
        Node? child = any ? node.AnyChild : node.TryGetChild(level);
        if (child is null)
            return;
        if (last)
            child.Here?.Remove(subscription);
        else
            Remove(child, rest, subscription);

        if (!child.IsEmpty)
            return;
        if (any)
            node.AnyChild = null;
        else
            node.RemoveChild(level);
    }

    private static ReadOnlySpan<byte> FirstLevel(ReadOnlySpan<byte> levels, out bool last, out ReadOnlySpan<byte> rest)
    {
        int end = levels.IndexOf((byte)'/');
        last = end < 0;
        rest = last ? default : levels[(end + 1)..];
        return last ? levels : levels[..end];
    }

    private sealed class Node
    {
        private Dictionary<byte[], Node>? _children;

        /// <summary>Below a '+'.</summary>
        public Node? AnyChild { get; set; }

        /// <summary>Filters that end here.</summary>
        public List<Subscription>? Here { get; set; }

        /// <summary>Filters that end with '#' here.</summary>
        public List<Subscription>? Below { get; set; }

        public bool IsEmpty => AnyChild is null && _children is not { Count: > 0 } && Here is not { Count: > 0 } && Below is not { Count: > 0 };

        public Node? TryGetChild(ReadOnlySpan<byte> level) =>
            _children is not null && _children.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(level, out Node? child) ? child : null;

        public Node GetOrAddChild(ReadOnlySpan<byte> level)
        {
            _children ??= new Dictionary<byte[], Node>(Utf8KeyComparer.Instance);
            Node? child = TryGetChild(level);
            if (child is null)
                _children.Add(level.ToArray(), child = new Node());
            return child;
        }

        public void RemoveChild(ReadOnlySpan<byte> level) => _children?.GetAlternateLookup<ReadOnlySpan<byte>>().Remove(level);
    }
}
