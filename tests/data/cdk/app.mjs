// A CDK app as people write them: L2 constructs, code and a definition from assets, logs, tags, a version and an alias.
import { App, Duration, RemovalPolicy, Stack, Tags } from "aws-cdk-lib";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import * as sfn from "aws-cdk-lib/aws-stepfunctions";
import * as tasks from "aws-cdk-lib/aws-stepfunctions-tasks";

class Shop extends Stack {
  constructor(scope, id) {
    super(scope, id, { stackName: "cdk-shop" });
    const runtime = lambda.Runtime.PYTHON_3_12;
    const prices = new lambda.LayerVersion(this, "Prices", {
      code: lambda.Code.fromAsset("layer"),
      compatibleRuntimes: [runtime],
    });
    const charge = new lambda.Function(this, "Charge", {
      runtime,
      handler: "charge.handler",
      code: lambda.Code.fromAsset("functions"),
      layers: [prices],
      environment: { CURRENCY: "EUR" },
      memorySize: 256,
      timeout: Duration.seconds(10),
    });
    const mail = new lambda.Function(this, "Mail", {
      runtime,
      handler: "index.handler",
      code: lambda.Code.fromInline("def handler(event, context):\n    return {'mailed': event['customer']}\n"),
    });
    const approvals = new sfn.Activity(this, "Approvals");
    const orders = new sfn.StateMachine(this, "Orders", {
      definitionBody: sfn.DefinitionBody.fromChainable(this.orders(charge, mail)),
      logs: {
        destination: new logs.LogGroup(this, "OrdersLog", { removalPolicy: RemovalPolicy.DESTROY }),
        includeExecutionData: true,
        level: sfn.LogLevel.ALL,
      },
      timeout: Duration.minutes(5),
    });
    charge.grantInvoke(orders);
    const version = new sfn.CfnStateMachineVersion(this, "OrdersVersion", {
      stateMachineArn: orders.stateMachineArn,
      stateMachineRevisionId: orders.stateMachineRevisionId,
    });
    new sfn.CfnStateMachineAlias(this, "OrdersLive", {
      name: "live",
      routingConfiguration: [{ stateMachineVersionArn: version.attrArn, weight: 100 }],
    });
    new sfn.StateMachine(this, "Quotes", {
      stateMachineName: "cdk-quotes",
      stateMachineType: sfn.StateMachineType.EXPRESS,
      definitionBody: sfn.DefinitionBody.fromFile("quotes.asl.json"),
      definitionSubstitutions: { Charge: charge.functionArn, Approvals: approvals.activityArn },
    });
    Tags.of(this).add("team", "shop");
  }

  orders(charge, mail) {
    const chargeTask = new tasks.LambdaInvoke(this, "Charge customer", {
      lambdaFunction: charge,
      payload: sfn.TaskInput.fromObject({ order: sfn.JsonPath.stringAt("$.order"), quantity: sfn.JsonPath.numberAt("$.quantity") }),
      payloadResponseOnly: true,
      resultPath: "$.charge",
    });
    const mailTask = new tasks.LambdaInvoke(this, "Mail customer", { lambdaFunction: mail, outputPath: "$.Payload" });
    const free = new sfn.Pass(this, "Nothing to pay", { result: sfn.Result.fromObject({ amount: 0 }), resultPath: "$.charge" });
    const both = new sfn.Parallel(this, "Tell", { resultPath: "$.told" })
      .branch(mailTask)
      .branch(new sfn.Pass(this, "Book", { parameters: { "amount.$": "$.charge.amount" } }));
    return new sfn.Choice(this, "For free?")
      .when(sfn.Condition.numberEquals("$.quantity", 0), free)
      .otherwise(chargeTask)
      .afterwards()
      .next(both);
  }
}

new Shop(new App(), "Shop");
