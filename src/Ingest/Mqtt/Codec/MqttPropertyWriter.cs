namespace StreamRnn.Ingest.Mqtt.Codec;

/// <summary>
/// Composes properties in a buffer of the caller's, who sizes it for what he writes and stays responsible for what the packet type allows.
/// <code>
///   var properties = new MqttPropertyWriter(stackalloc byte[16]);
///   properties.Number(MqttPropertyId.ReceiveMaximum, 65_535);
///   ... new MqttConnect { Properties = properties.Properties }
/// </code>
/// </summary>
public ref struct MqttPropertyWriter
{
    private MqttOutput _output;

    public MqttPropertyWriter(Span<byte> buffer) => _output = new MqttOutput(buffer);

    /// <summary>Properties written so far.</summary>
    /// <exception cref="InvalidOperationException">The buffer was too small.</exception>
    public readonly MqttProperties Properties => _output.Overflowed
        ? throw new InvalidOperationException("The buffer is too small for these properties.")
        : new MqttProperties(_output.Written);

    public void Number(MqttPropertyId id, uint value)
    {
        _output.Byte((byte)id);
        switch (MqttPropertySet.KindOf(id))
        {
            case MqttPropertyKind.Bit:
                _output.Byte(checked((byte)value));
                break;
            case MqttPropertyKind.UInt16:
                _output.UInt16(checked((ushort)value));
                break;
            case MqttPropertyKind.UInt32:
                _output.UInt32(value);
                break;
            case MqttPropertyKind.VariableByteInteger:
                _output.VariableByteInteger(value);
                break;
            default:
                throw new ArgumentException($"{id} is not a number.", nameof(id));
        }
    }

    /// <param name="id">A property of text or binary.</param>
    /// <param name="value">UTF-8 where it is text.</param>
    public void Bytes(MqttPropertyId id, ReadOnlySpan<byte> value)
    {
        if (MqttPropertySet.KindOf(id) is not (MqttPropertyKind.Text or MqttPropertyKind.Binary))
            throw new ArgumentException($"{id} is neither text nor binary.", nameof(id));
        _output.Byte((byte)id);
        _output.Binary(value);
    }

    /// <param name="name">UTF-8.</param>
    /// <param name="value">UTF-8.</param>
    public void User(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        _output.Byte((byte)MqttPropertyId.UserProperty);
        _output.Binary(name);
        _output.Binary(value);
    }

    /// <summary>Copies a property as it is.</summary>
    public void Copy(in MqttProperty property)
    {
        switch (MqttPropertySet.KindOf(property.Id))
        {
            case MqttPropertyKind.Pair:
                User(property.Name, property.Value);
                break;
            case MqttPropertyKind.Text or MqttPropertyKind.Binary:
                Bytes(property.Id, property.Value);
                break;
            default:
                Number(property.Id, property.Number);
                break;
        }
    }
}
