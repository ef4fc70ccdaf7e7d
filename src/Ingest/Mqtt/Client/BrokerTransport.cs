namespace StreamRnn.Ingest.Mqtt.Client;

/// <summary>The bytes of one connection. One thread reads and blocks; the <see cref="MqttSender"/> lets one thread write at a time.</summary>
internal abstract class BrokerTransport : IDisposable
{
    /// <summary>Connects, and encrypts where the options ask for it.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">Nobody answers, or not in time.</exception>
    /// <exception cref="System.Security.Authentication.AuthenticationException">The two ends do not agree on TLS.</exception>
    public abstract void Connect(CancellationToken cancelled);

    /// <summary>
    /// The handshake is over: from now on a read waits for as long as it takes. A write does not: while it waits, nobody can ask a peer
    /// that has stopped reading whether it is there.
    /// </summary>
    /// <param name="patience">A peer that takes not one byte for so long is gone.</param>
    public abstract void Established(TimeSpan patience);

    /// <summary>Waits for bytes. 0 when the peer has closed.</summary>
    public abstract int Read(byte[] into, int offset);

    /// <summary>True if a few KB can be written without waiting; also on a closed connection, where the write then fails.</summary>
    public abstract bool IsWritable { get; }

    public abstract void Write(ReadOnlySpan<byte> bytes);

    /// <summary>
    /// Ends both directions; a blocked <see cref="Read"/> or <see cref="Write"/> ends with an exception or a 0. Any thread, any number of
    /// times.
    /// </summary>
    public abstract void Close();

    public abstract void Dispose();
}
