using System.Text;
using Google.Protobuf;

namespace StreamRnn.Worker.Tests.Hosting;

/// <summary>A protobuf message read without its schema: fields by number, enough to look into what a collector would be sent.</summary>
internal sealed class ProtobufMessage
{
    private readonly List<(int Field, byte[] Bytes, ulong Number)> _fields = [];

    public ProtobufMessage(byte[] bytes)
    {
        CodedInputStream input = new(bytes);
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            int field = WireFormat.GetTagFieldNumber(tag);
            _fields.Add(WireFormat.GetTagWireType(tag) switch
            {
                WireFormat.WireType.LengthDelimited => (field, input.ReadBytes().ToByteArray(), 0),
                WireFormat.WireType.Varint => (field, [], input.ReadUInt64()),
                WireFormat.WireType.Fixed64 => (field, [], input.ReadFixed64()),
                WireFormat.WireType.Fixed32 => (field, [], input.ReadFixed32()),
                WireFormat.WireType type => throw new InvalidDataException($"wire type {type}"),
            });
        }
    }

    /// <summary>The messages at the end of a path of field numbers, whatever is repeated on the way.</summary>
    public IEnumerable<ProtobufMessage> Messages(params int[] path)
    {
        IEnumerable<ProtobufMessage> inner = _fields.Where(f => f.Field == path[0]).Select(f => new ProtobufMessage(f.Bytes));
        return path.Length == 1 ? inner : inner.SelectMany(message => message.Messages(path[1..]));
    }

    public bool Has(int field) => _fields.Exists(f => f.Field == field);

    public string Text(int field) => Encoding.UTF8.GetString(Bytes(field));

    public string Hex(int field) => Convert.ToHexStringLower(Bytes(field));

    public ulong Number(int field) => _fields.Find(f => f.Field == field).Number;

    /// <summary>Text values of a repeated KeyValue field of OTLP.</summary>
    public Dictionary<string, string> Attributes(int field) =>
        Messages(field).ToDictionary(pair => pair.Text(1), pair => pair.Messages(2).Single().Text(1));

    private byte[] Bytes(int field) => _fields.Find(f => f.Field == field).Bytes ?? [];
}
