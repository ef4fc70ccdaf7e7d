namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>One property: a number, or bytes, or (user property) a name and bytes.</summary>
public readonly ref struct MqttProperty
{
    public MqttPropertyId Id { get; init; }

    /// <summary>The value of a property that is a number; else 0.</summary>
    public uint Number { get; init; }

    /// <summary>The name of a user property; else empty.</summary>
    public ReadOnlySpan<byte> Name { get; init; }

    /// <summary>The value of a property that is text or binary; else empty.</summary>
    public ReadOnlySpan<byte> Value { get; init; }
}

/// <summary>
/// The properties of a packet, MQTT 5.0 section 2.2.2, as the bytes they are on the wire (without their length), checked when the packet
/// was parsed. Walk them with <c>foreach</c> or ask for one.
/// </summary>
public readonly ref struct MqttProperties
{
    internal MqttProperties(ReadOnlySpan<byte> bytes) => Bytes = bytes;

    public ReadOnlySpan<byte> Bytes { get; }

    public bool IsEmpty => Bytes.IsEmpty;

    public Enumerator GetEnumerator() => new(Bytes);

    /// <summary>The value of a property that is a number, or what it means when it is absent.</summary>
    public uint NumberOr(MqttPropertyId id, uint absent)
    {
        foreach (MqttProperty property in this)
        {
            if (property.Id == id)
                return property.Number;
        }
        return absent;
    }

    /// <summary>The value of a property that is text or binary.</summary>
    public bool TryGet(MqttPropertyId id, out ReadOnlySpan<byte> value)
    {
        foreach (MqttProperty property in this)
        {
            if (property.Id == id)
            {
                value = property.Value;
                return true;
            }
        }
        value = default;
        return false;
    }

    /// <summary>The value of the first user property of that name, for example <c>traceparent</c>.</summary>
    public bool TryGetUser(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        foreach (MqttProperty property in this)
        {
            if (property.Id == MqttPropertyId.UserProperty && property.Name.SequenceEqual(name))
            {
                value = property.Value;
                return true;
            }
        }
        value = default;
        return false;
    }

    /// <param name="allowed">One of <see cref="MqttPropertySet"/>.</param>
    internal static MqttFault Check(ReadOnlySpan<byte> bytes, ulong allowed)
    {
        // Only user properties may repeat, and in a PUBLISH the identifiers of all subscriptions that matched.
        ulong mayRepeat = 1UL << (int)MqttPropertyId.UserProperty;
        if (allowed == MqttPropertySet.Publish)
            mayRepeat |= 1UL << (int)MqttPropertyId.SubscriptionIdentifier;

        ulong seen = 0;
        var input = new MqttInput(bytes);
        while (!input.AtEnd)
        {
            MqttProperty property = Read(ref input);
            if (input.Fault != MqttFault.None)
                return input.Fault;

            ulong bit = 1UL << (int)property.Id;
            if ((allowed & bit) == 0)
                return MqttFault.PropertyNotAllowed;
            if ((seen & bit & ~mayRepeat) != 0)
                return MqttFault.PropertyDuplicate;
            seen |= bit;

            MqttFault fault = CheckValue(property);
            if (fault != MqttFault.None)
                return fault;
        }

        const ulong Method = 1UL << (int)MqttPropertyId.AuthenticationMethod;
        const ulong Data = 1UL << (int)MqttPropertyId.AuthenticationData;
        return (seen & (Method | Data)) == Data ? MqttFault.PropertyNotAllowed : MqttFault.None;
    }

    private static MqttFault CheckValue(in MqttProperty property)
    {
        switch (property.Id)
        {
            case MqttPropertyId.TopicAlias when property.Number == 0:
                return MqttFault.TopicAlias;
            case MqttPropertyId.ReceiveMaximum or MqttPropertyId.MaximumPacketSize or MqttPropertyId.SubscriptionIdentifier
                when property.Number == 0:
                return MqttFault.PropertyValue;
            case MqttPropertyId.ResponseTopic when !MqttTopic.IsName(property.Value):
                return MqttFault.TopicName;
            default:
                bool bit = MqttPropertySet.KindOf(property.Id) == MqttPropertyKind.Bit;
                return bit && property.Number > 1 ? MqttFault.PropertyValue : MqttFault.None;
        }
    }

    private static MqttProperty Read(scoped ref MqttInput input)
    {
        // The identifier is a variable byte integer; all that exist fit into its first byte, so a longer one is unknown.
        var id = (MqttPropertyId)input.Byte();
        switch (MqttPropertySet.KindOf(id))
        {
            case MqttPropertyKind.Bit:
                return new MqttProperty { Id = id, Number = input.Byte() };
            case MqttPropertyKind.UInt16:
                return new MqttProperty { Id = id, Number = input.UInt16() };
            case MqttPropertyKind.UInt32:
                return new MqttProperty { Id = id, Number = input.UInt32() };
            case MqttPropertyKind.VariableByteInteger:
                return new MqttProperty { Id = id, Number = input.VariableByteInteger() };
            case MqttPropertyKind.Text:
                return new MqttProperty { Id = id, Value = input.Text() };
            case MqttPropertyKind.Binary:
                return new MqttProperty { Id = id, Value = input.Binary() };
            case MqttPropertyKind.Pair:
                ReadOnlySpan<byte> name = input.Text();
                return new MqttProperty { Id = id, Name = name, Value = input.Text() };
            default:
                input.Fail(MqttFault.PropertyNotAllowed);
                return default;
        }
    }

    public ref struct Enumerator
    {
        private MqttInput _input;
        private MqttProperty _current;

        internal Enumerator(ReadOnlySpan<byte> bytes) => _input = new MqttInput(bytes);

        public readonly MqttProperty Current => _current;

        public bool MoveNext()
        {
            if (_input.AtEnd)
                return false;
            _current = Read(ref _input);
            return _input.Fault == MqttFault.None;
        }
    }
}
