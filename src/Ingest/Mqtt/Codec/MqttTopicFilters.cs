namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>Treatment of retained messages at a subscription, MQTT 5.0 section 3.8.3.1.</summary>
public enum MqttRetainHandling : byte
{
    Send = 0,
    SendIfNew = 1,
    DoNotSend = 2,
}

/// <summary>
/// One subscription asked for. Its options are one byte: retain handling (30), retain as published (08), no local (04), QoS (03); MQTT
/// 3.1.1 has the QoS only.
/// </summary>
public readonly ref struct MqttTopicFilter
{
    /// <summary>UTF-8.</summary>
    public ReadOnlySpan<byte> Filter { get; init; }

    /// <summary>The highest QoS to deliver at.</summary>
    public byte Qos { get; init; }

    /// <summary>Do not send back what this client publishes.</summary>
    public bool NoLocal { get; init; }

    /// <summary>Keep the RETAIN flag of a forwarded message.</summary>
    public bool RetainAsPublished { get; init; }

    public MqttRetainHandling RetainHandling { get; init; }

    internal byte Options => (byte)(Qos | (NoLocal ? 4 : 0) | (RetainAsPublished ? 8 : 0) | (byte)RetainHandling << 4);

    internal static MqttTopicFilter FromOptions(ReadOnlySpan<byte> filter, byte options) => new()
    {
        Filter = filter,
        Qos = (byte)(options & 3),
        NoLocal = (options & 4) != 0,
        RetainAsPublished = (options & 8) != 0,
        RetainHandling = (MqttRetainHandling)(options >> 4 & 3),
    };
}

/// <summary>The filters of a SUBSCRIBE or UNSUBSCRIBE, as the bytes they are on the wire. Walk them with <c>foreach</c>.</summary>
public readonly ref struct MqttTopicFilters
{
    private readonly bool _withOptions;

    internal MqttTopicFilters(ReadOnlySpan<byte> bytes, bool withOptions)
    {
        Bytes = bytes;
        _withOptions = withOptions;
    }

    public ReadOnlySpan<byte> Bytes { get; }

    public Enumerator GetEnumerator() => new(Bytes, _withOptions);

    internal static MqttFault Check(ReadOnlySpan<byte> bytes, bool withOptions, MqttVersion version)
    {
        if (bytes.IsEmpty)
            return MqttFault.EmptyList;

        var input = new MqttInput(bytes);
        while (!input.AtEnd)
        {
            ReadOnlySpan<byte> filter = input.Text();
            byte options = withOptions ? input.Byte() : default;
            int reserved = version == MqttVersion.V5 ? 0xC0 : 0xFC;
            input.FailIf((options & reserved) != 0 || (options & 0x30) == 0x30, MqttFault.SubscriptionOptions);
            input.FailIf((options & 3) == 3, MqttFault.Qos);
            input.FailIf(!MqttTopic.IsFilter(filter), MqttFault.TopicFilter);
        }
        return input.Fault;
    }

    public ref struct Enumerator
    {
        private readonly bool _withOptions;
        private MqttInput _input;
        private MqttTopicFilter _current;

        internal Enumerator(ReadOnlySpan<byte> bytes, bool withOptions)
        {
            _input = new MqttInput(bytes);
            _withOptions = withOptions;
        }

        public readonly MqttTopicFilter Current => _current;

        public bool MoveNext()
        {
            if (_input.AtEnd)
                return false;
            ReadOnlySpan<byte> filter = _input.Text();
            _current = MqttTopicFilter.FromOptions(filter, _withOptions ? _input.Byte() : default);
            return _input.Fault == MqttFault.None;
        }
    }
}

/// <summary>Composes the filters of a SUBSCRIBE (<see cref="Add(in MqttTopicFilter)"/>) or UNSUBSCRIBE in a buffer of the caller's.</summary>
public ref struct MqttTopicFilterWriter
{
    private MqttOutput _output;
    private bool _withOptions;

    public MqttTopicFilterWriter(Span<byte> buffer) => _output = new MqttOutput(buffer);

    /// <exception cref="InvalidOperationException">The buffer was too small.</exception>
    public readonly MqttTopicFilters Filters => _output.Overflowed
        ? throw new InvalidOperationException("The buffer is too small for these filters.")
        : new MqttTopicFilters(_output.Written, _withOptions);

    /// <summary>Adds a filter with its options to a SUBSCRIBE.</summary>
    public void Add(in MqttTopicFilter filter)
    {
        _withOptions = true;
        _output.Binary(filter.Filter);
        _output.Byte(filter.Options);
    }

    /// <summary>Adds a filter to an UNSUBSCRIBE.</summary>
    public void Add(ReadOnlySpan<byte> filter) => _output.Binary(filter);
}
