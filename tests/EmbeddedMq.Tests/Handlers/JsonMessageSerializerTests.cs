using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmbeddedMq.Tests.Handlers;

public sealed partial class JsonMessageSerializerTests
{
    private static readonly string[] Lines = ["a", "b"];

    [Fact]
    public void Reflection_Allowed_WritesCamelCaseAndReadsAnyCase()
    {
        JsonMessageSerializer serializer = new();

        Assert.Equal("""{"id":"1","customer":"c","region":"eu"}""", Write(serializer, new Order("1", "c")));
        Assert.Equal(new Order("1", "c", "us"), Read<Order>(serializer, """{"ID":"1","Customer":"c","region":"us"}"""));
    }

    [Fact]
    public void Context_KnowsTheType_IsUsedWithItsOwnOptions()
    {
        JsonMessageSerializer serializer = new(SnakeCaseContext.Default, OtherContext.Default);

        Assert.Equal("""{"order_lines":["a","b"]}""", Write(serializer, new Basket(Lines)));
        Assert.Equal("""{"Id":"1","Customer":"","Region":"eu"}""", Write(serializer, new Order("1")));
        Assert.Equal(Lines, Read<Basket>(serializer, """{"order_lines":["a","b"]}""")!.OrderLines);
    }

    [Fact]
    public void Context_DoesNotKnowTheType_SaysWhatToAdd()
    {
        JsonMessageSerializer serializer = new(SnakeCaseContext.Default);

        InvalidOperationException error = Assert.Throws<InvalidOperationException>(serializer.Check<Order>);

        Assert.Equal(
            "There is no JSON contract for type EmbeddedMq.Tests.Handlers.Order in SnakeCaseContext. Put [JsonSerializable(typeof(Order))] on it.",
            error.Message);
    }

    [Fact]
    public void Options_WithoutAResolverForTheType_SaysWhatToAdd()
    {
        JsonMessageSerializer serializer = new(new JsonSerializerOptions { TypeInfoResolver = SnakeCaseContext.Default });

        Assert.Contains("There is no JSON contract for type", Assert.Throws<InvalidOperationException>(serializer.Check<Order>).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Body_BeginsWithAByteOrderMark_IsRead()
        => Assert.Equal("1", Read<Order>(new JsonMessageSerializer(), "\uFEFF{\"id\":\"1\"}")!.Id);

    [Fact]
    public void Converter_SerializesInside_DoesNotDisturbTheOuterBody()
    {
        JsonMessageSerializer serializer = new();
        JsonMessageSerializer outer = new(new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            TypeInfoResolver = new System.Text.Json.Serialization.Metadata.DefaultJsonTypeInfoResolver(),
            Converters = { new NestingConverter(serializer) },
        });

        Assert.Equal("""{"inner":"{\u0022id\u0022:\u00221\u0022,\u0022customer\u0022:\u0022\u0022,\u0022region\u0022:\u0022eu\u0022}"}""", Write(outer, new Order("1")));
    }

    [Fact]
    public async Task Start_TypesUnknown_ListsThemAll()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();

        Microsoft.Extensions.Options.OptionsValidationException error = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(
            async () => await fixture.StartBusAsync(static mq => mq
                .UseJson(SnakeCaseContext.Default)
                .Topology(static t => t.Queue("q"))
                .Publish<Order>(static p => p.ToQueue("q"))
                .Respond<Basket, OrderStatus>("q", static (_, _, _) => new ValueTask<OrderStatus>(new OrderStatus("", "")))));

        Assert.Equal(2, error.Failures.Count());
        Assert.Contains("typeof(Order)", error.Message, StringComparison.Ordinal);
        Assert.Contains("typeof(OrderStatus)", error.Message, StringComparison.Ordinal);
    }

    // Their first message would be dead-lettered, and every other one.
    [Fact]
    public async Task Start_ConsumedTypesCannotBeMade_NamesEachAndSaysWhatToDo()
    {
        await using BusFixture fixture = await BusFixture.StartBrokerAsync();

        Microsoft.Extensions.Options.OptionsValidationException error = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(
            async () => await fixture.StartBusAsync(static mq => mq
                .Topology(static t => t.Queue("a").Queue("b"))
                .Publish<IShape>(static p => p.ToQueue("a")) // can be written
                .Consume<IShape>("a", static (_, _, _) => ValueTask.CompletedTask)
                .Consume<Shape>("b", static (_, _, _) => ValueTask.CompletedTask)));

        Assert.Equal(2, error.Failures.Count());
        Assert.Contains(
            "Messages cannot be read as EmbeddedMq.Tests.Handlers.JsonMessageSerializerTests+IShape, which is an interface: JSON does not say which class to make. " +
            "Consume the class that is published, or put [JsonDerivedType(typeof(YourClass), \"name\")] on IShape and publish as IShape.",
            error.Message,
            StringComparison.Ordinal);
        Assert.Contains("JsonMessageSerializerTests+Shape, which is an abstract class", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CheckReading_WhatJsonTellsHowToMake_Passes()
    {
        JsonMessageSerializer serializer = new();
        serializer.CheckReading<Named>();
        serializer.CheckReading<IReadOnlyList<string>>();
        serializer.CheckReading<IDictionary<string, int>>();
        serializer.CheckReading<Basket>();
        serializer.CheckReading<object>();

        Assert.IsType<Square>(Read<Named>(serializer, """{"$type":"square"}"""));
    }

    [Fact]
    public async Task Start_AbstractTypeByReference_NeedsNoReading()
    {
        TaskCompletionSource<IShape> handled = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using BusFixture fixture = await BusFixture.StartAsync(mq => mq
            .Topology(static t => t.Queue("a"))
            .Publish<IShape>(static p => p.ToQueue("a").ByReference())
            .Consume<IShape>("a", (shape, _, _) =>
            {
                handled.TrySetResult(shape);
                return ValueTask.CompletedTask;
            }));

        Circle circle = new();
        await fixture.Publisher.PublishAsync<IShape>(circle, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Same(circle, await handled.Task);
    }

    private static string Write<T>(JsonMessageSerializer serializer, T value)
    {
        ArrayBufferWriter<byte> body = new();
        serializer.Serialize(value, body);
        return Encoding.UTF8.GetString(body.WrittenSpan);
    }

    private static T? Read<T>(JsonMessageSerializer serializer, string json) => serializer.Deserialize<T>(Message.Text(json));

    public interface IShape
    {
        int Sides { get; }
    }

    public abstract class Shape
    {
        public int Sides { get; set; }
    }

    [JsonDerivedType(typeof(Square), "square")]
    public abstract class Named;

    public sealed class Square : Named;

    public sealed class Circle : IShape
    {
        public int Sides => 0;
    }

    public sealed record Basket(IReadOnlyList<string> OrderLines);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
    [JsonSerializable(typeof(Basket))]
    private sealed partial class SnakeCaseContext : JsonSerializerContext;

    [JsonSerializable(typeof(Order))]
    private sealed partial class OtherContext : JsonSerializerContext;

    private sealed class NestingConverter(JsonMessageSerializer inner) : JsonConverter<Order>
    {
        public override Order Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, Order value, JsonSerializerOptions options)
        {
            writer.WriteStartObject();
            writer.WriteString("inner", JsonMessageSerializerTests.Write(inner, value));
            writer.WriteEndObject();
        }
    }
}
