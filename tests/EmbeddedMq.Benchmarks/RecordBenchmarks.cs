using BenchmarkDotNet.Attributes;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Benchmarks;

/// <summary>The record of one published message: writing it into the journal's memory, and reading it at a restart.</summary>
[MemoryDiagnoser]
public class RecordBenchmarks
{
    private const string Exchange = "orders";
    private const string Key = "shop.7.placed";

    private static readonly QueueRef[] Queues = [new QueueRef(7)];

    private readonly StringCache _texts = new();

    private Message _message = null!;
    private byte[] _record = [];

    [Params(100, 1_024)]
    public int BodyBytes { get; set; }

    /// <summary>Whether the message has properties and headers such as the typed layer sets.</summary>
    [Params(false, true)]
    public bool HasProperties { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        MessageProperties properties = MessageProperties.Persistent;
        if (HasProperties)
        {
            properties = properties with
            {
                MessageId = "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
                ContentType = "application/json",
                Type = "Shop.Order",
                Headers = new HeaderTable([new KeyValuePair<string, object?>("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]),
            };
        }

        _message = new Message(new byte[BodyBytes], properties);
        _record = new byte[new PublishBody(Exchange, Key, _message, Queues).GetLength()];
        Encode();
    }

    [Benchmark]
    public int Encode()
    {
        PublishBody body = new(Exchange, Key, _message, Queues);
        int length = body.GetLength();
        body.Write(_record);
        return length;
    }

    [Benchmark]
    public int Decode()
    {
        int bytes = 0;
        foreach (MessageView message in new BatchReader(_record).Messages)
        {
            bytes += message.ToMessage(_texts).Message.Body.Length;
        }

        return bytes;
    }
}
